package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/proxy/config"
)

// sipringAdminPort serves /debug/pprof when Profiling is on.
const sipringAdminPort = 19090

// sipringTarget is one sipring proxy: a cluster of a single member.
func (b *bench) sipringTarget() target {
	return target{
		name: nameSipring, label: "sipring", address: sipringAddress, stores: true, relays: true,
		prepare: func(context.Context) (string, error) {
			if _, err := os.Stat(b.options.sipring); err != nil {
				return "", fmt.Errorf("not built: %s is missing", b.options.sipring)
			}
			return sipringVersion(b.options.sipring), nil
		},
		command: func(dir string) ([]string, error) {
			return sipringCommand(b.options.sipring, dir, b.profiling)
		},
	}
}

// sipringCommand writes the files that a proxy reads and returns its command
// line: the one place that knows them.
func sipringCommand(binary, dir string, profiling bool) ([]string, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	configuration, err := yaml.Marshal(config.Config{
		Cluster:      "bench",
		Domains:      []string{domain},
		Advertise:    sipringAddress.String(),
		Ports:        config.Ports{SIP: int(sipringAddress.Port()), Peer: 17947, Gossip: 17946, Admin: sipringAdminPort},
		LogLevel:     "warn",
		DrainSeconds: 1,
		Profiling:    profiling,
	})
	if err != nil {
		return nil, err
	}
	members, err := (&config.MemberSet{
		Epoch: 1,
		Ring:  config.Ring{Partitions: 16384, Replicas: 2},
		Members: []config.Member{{
			ID: 1, Name: "bench-0", Address: sipringAddress.Addr().String(), State: config.Active,
		}},
	}).Marshal()
	if err != nil {
		return nil, err
	}
	keys, err := config.NewKeys().Marshal()
	if err != nil {
		return nil, err
	}
	argv := []string{binary, "proxy", "--name", "bench-0", "--address", sipringAddress.Addr().String()}
	for _, f := range []struct {
		flag, name string
		content    []byte
	}{{"--config", "config.yaml", configuration}, {"--members", "members.json", members}, {"--keys", "keys.json", keys}} {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, f.content, 0o600); err != nil {
			return nil, err
		}
		argv = append(argv, f.flag, path)
	}
	return argv, nil
}

// sipringVersion reads the commit and the Go version out of the binary.
func sipringVersion(binary string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "unknown"
	}
	version := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			version = s.Value[:min(12, len(s.Value))] + version
		case "vcs.modified":
			if modified, _ := strconv.ParseBool(s.Value); modified {
				version += "+changes"
			}
		}
	}
	if version == "" {
		version = "unknown commit"
	}
	return version + ", " + info.GoVersion
}
