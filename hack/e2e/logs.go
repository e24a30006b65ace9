//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// keepLogs has save write what explains a failure to the folder for logs.
func (e *env) keepLogs(save func(dir string) error) error {
	var err error
	if e.o.logs == "" {
		e.o.logs, err = os.MkdirTemp(e.tmp, "sipring-e2e-logs-")
	} else {
		err = os.MkdirAll(e.o.logs, 0o755)
	}
	if err != nil {
		return err
	}
	return save(e.o.logs)
}

// saveLogs writes what Kubernetes and the proxies tell.
func (e *env) saveLogs(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var errs []error
	save := func(name string, args ...string) {
		out, err := e.kubectl(ctx, args...)
		if err != nil {
			out = err.Error() // such as no previous container: worth to know, no failure
		}
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), []byte(out), 0o644))
	}
	save("objects.yaml", "--namespace", namespace, "get", "sipclusters,pods,services,endpointslices,configmaps,leases", "-o", "yaml")
	save("events.txt", "get", "events", "--all-namespaces", "--sort-by=.lastTimestamp")
	save("pods.txt", "get", "pods", "--all-namespaces", "-o", "wide")
	save("operator.log", "--namespace", operatorNamespace, "logs", "--prefix", "--tail=-1", "-l", "app.kubernetes.io/name=sipring")
	pods, err := e.pods(ctx)
	errs = append(errs, err)
	for i := range pods {
		name := pods[i].Name
		save(name+".log", "--namespace", namespace, "logs", name, "-c", "proxy")
		save(name+".previous.log", "--namespace", namespace, "logs", name, "-c", "proxy", "--previous")
		for _, path := range []string{"/v1/status", "/v1/events", "/metrics"} {
			raw, err := e.adminRaw(ctx, &pods[i], path)
			if err != nil {
				raw = []byte(err.Error())
			}
			errs = append(errs, os.WriteFile(filepath.Join(dir, name+"."+filepath.Base(path)), raw, 0o644))
		}
	}
	return errors.Join(errs...)
}
