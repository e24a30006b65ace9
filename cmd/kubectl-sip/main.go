// Command kubectl-sip is a plugin of kubectl, `kubectl sip`, for clusters of sipring.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // what kubeconfigs may name

	"github.com/sipring/sipring/kubectl"
)

// Version is set by the linker in release builds.
var Version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := kubectl.New(kubectl.Options{
		Version: Version,
		Streams: genericclioptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
	}).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubectl sip:", err)
		os.Exit(1)
	}
}
