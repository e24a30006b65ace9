//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// logTail bounds what is kept of a log: its end.
const logTail = "--tail=20000"

// saveLogs writes what Kubernetes and the proxies tell.
func (p *proxies) saveLogs(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var errs []error
	save := func(name string, args ...string) {
		out, err := p.kube.kubectl(ctx, args...)
		if err != nil {
			out = err.Error() // such as no previous container: worth to know, no failure
		}
		errs = append(errs, writeBounded(filepath.Join(dir, name), []byte(out)))
	}
	save("objects.yaml", "--namespace", namespace, "get", "sipclusters,pods,services,endpointslices,configmaps,leases", "-o", "yaml")
	save("events.txt", "get", "events", "--all-namespaces", "--sort-by=.lastTimestamp")
	save("pods.txt", "get", "pods", "--all-namespaces", "-o", "wide")
	save("operator.log", "--namespace", operatorNamespace, "logs", "--prefix", logTail, "-l", "app.kubernetes.io/name=sipring-operator")
	pods, err := p.pods(ctx)
	errs = append(errs, err)
	for i := range pods {
		name := pods[i].Name
		save(name+".log", "--namespace", namespace, "logs", name, "-c", "proxy", logTail)
		save(name+".previous.log", "--namespace", namespace, "logs", name, "-c", "proxy", "--previous", logTail)
		for _, path := range []string{"/v1/status", "/v1/events", "/metrics"} {
			raw, err := p.adminRaw(ctx, &pods[i], path)
			if err != nil {
				raw = []byte(err.Error())
			}
			errs = append(errs, os.WriteFile(filepath.Join(dir, name+"."+filepath.Base(path)), raw, 0o644))
		}
	}
	return errors.Join(errs...)
}
