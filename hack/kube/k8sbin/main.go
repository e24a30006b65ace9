// Command k8sbin is etcd and the Kubernetes programs in one file, chosen by
// the name it is called by: a link named kubelet is the kubelet.
//
// One file, because the programs share nearly all of their code: seven
// separate ones would take several times the link time and the disk. Built
// with the tag envtest it holds only what an API server for tests needs.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // build info metric
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// program runs one program to its end and returns its exit status.
type program func() int

func main() {
	programs := clusterPrograms()
	programs["etcd"] = etcd
	programs["kube-apiserver"] = command(apiserver.NewAPIServerCommand)
	programs["kubectl"] = kubectl
	name := filepath.Base(os.Args[0])
	run, ok := programs[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "%s: call me by the name of a program: etcd, kube-apiserver, kubectl, ...\n", name)
		os.Exit(2)
	}
	os.Exit(run())
}

// command delays building a command until it is the one wanted: building
// registers flags and metrics, which would collide.
func command(build func() *cobra.Command) program {
	return func() int { return cli.Run(build()) }
}

func etcd() int {
	etcdmain.Main(os.Args)
	return 0
}
