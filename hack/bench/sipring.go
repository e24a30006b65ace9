package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/digest"
)

// sipringAdminPort serves /debug/pprof when Profiling is on.
const sipringAdminPort = 19090

// sipringTarget is one sipring proxy: a cluster of a single member.
func (b *bench) sipringTarget() target {
	// A copy: a build while this runs must not change what is measured.
	binary := filepath.Join(b.dir, "sipring")
	return target{
		name: nameSipring, label: "sipring", address: sipringAddress, stores: true, relays: true, connects: true,
		prepare: func(ctx context.Context) (string, error) {
			sum, err := copyBinary(binary, b.options.sipring)
			if errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("not built: %s is missing", b.options.sipring)
			}
			if err != nil {
				return "", err
			}
			version, err := sipringVersion(ctx, binary)
			return version + ", sha256 " + sum, err
		},
		command: func(dir string, s setup) ([]string, error) {
			return sipringCommand(binary, dir, b.profiling, s)
		},
	}
}

// sipringCommand writes the files that a proxy reads and returns its command
// line: the one place that knows them.
func sipringCommand(binary, dir string, profiling bool, s setup) ([]string, error) {
	authentication, err := writeUsers(dir, s.users)
	if err != nil {
		return nil, err
	}
	listeners, err := sipringListeners(dir, s)
	if err != nil {
		return nil, err
	}
	configuration, err := yaml.Marshal(config.Config{
		Cluster:      "bench",
		Domains:      []string{domain},
		Advertise:    sipringAddress.String(),
		Listeners:    listeners,
		Ports:        config.Ports{SIP: int(sipringAddress.Port()), Peer: 17947, Health: 17948, Admin: sipringAdminPort},
		Egress:       config.Egress{Contacts: config.ContactsAny},     // one socket registers all callees
		Limits:       config.Limits{Trusted: []string{"127.0.0.0/8"}}, // which makes all the load
		LogLevel:     "warn",
		DrainSeconds: new(1),
		Profiling:    profiling,

		Authentication: authentication,
	})
	if err != nil {
		return nil, err
	}
	members, err := (&config.MemberSet{
		Epoch: 1,
		Ring:  config.Ring{Seed: config.NewSeed()}.WithDefaults(),
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

// sipringListeners are those beside the one that there always is; none, if nobody connects.
func sipringListeners(dir string, s setup) ([]config.Listener, error) {
	if !s.connections {
		return nil, nil
	}
	port := int(sipringAddress.Port())
	return []config.Listener{
		{Name: "udp", Protocol: config.ProtocolUDP, Port: port},
		{Name: "tcp", Protocol: config.ProtocolTCP, Port: port},
		{Name: "tls", Protocol: config.ProtocolTLS, Port: port + 1, TLS: &config.ListenerTLS{Certificates: []string{dir}}},
	}, writeCertificate(dir)
}

// writeUsers writes the users' credentials and returns how they are asked for them;
// nobody is asked if there are none.
func writeUsers(dir string, u *users) (*config.Authentication, error) {
	if u == nil {
		return &config.Authentication{Open: true}, nil
	}
	var lines []byte
	for i := range u.n {
		name := fmt.Sprintf("u%d", i)
		lines = fmt.Appendf(lines, "%s:%s:%x\n", name, domain, digest.HA1(digest.MD5, []byte(name), []byte(domain), []byte(u.password)))
	}
	path := filepath.Join(dir, "users")
	return &config.Authentication{
		Digest:      config.Digest{Algorithms: []string{config.AlgorithmMD5}},
		Credentials: config.Credentials{Files: []string{path}},
	}, os.WriteFile(path, lines, 0o600)
}

// copyBinary copies a program and returns the beginning of its SHA-256.
func copyBinary(to, from string) (string, error) {
	content, err := os.ReadFile(from)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:6]), os.WriteFile(to, content, 0o700)
}

// sipringVersion is what the binary says of itself, without its name.
func sipringVersion(ctx context.Context, binary string) (string, error) {
	out, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return "", fmt.Errorf("failed: ask %s for its version: %w", binary, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(strings.TrimSpace(line), "sipring "), nil
}
