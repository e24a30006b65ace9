package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kamailioTarget is Debian's Kamailio with kamailio.cfg: two UDP workers,
// usrloc in memory, stateful relay, Record-Route; more arguments are appended.
func (b *bench) kamailioTarget(name, label string, more ...string) target {
	return target{
		name: name, label: label, address: kamailioAddress, stores: true, relays: true,
		connects: name == nameKamailioTLSF, // the one to beat
		prepare: func(ctx context.Context) (string, error) {
			binary, err := tool("kamailio", "kamailio")
			if err != nil {
				return "", err
			}
			out, err := exec.CommandContext(ctx, binary, "-v").Output()
			if err != nil {
				return "", fmt.Errorf("ask %s for its version: %w", binary, err)
			}
			return parseKamailioVersion(string(out)), nil
		},
		command: func(dir string, s setup) ([]string, error) {
			config, err := files.ReadFile("kamailio.cfg")
			if err != nil {
				return nil, err
			}
			file := filepath.Join(dir, "kamailio.cfg")
			if err := os.WriteFile(file, config, 0o600); err != nil {
				return nil, err
			}
			argv := []string{
				"kamailio", "-DD", "-E", "-f", file, "-Y", dir, "-P", filepath.Join(dir, "pid"),
				"-A", "ADDRESS=" + kamailioAddress.Addr().String(),
				"-A", fmt.Sprintf("PORT=%d", kamailioAddress.Port()),
				"-m", "1024", "-M", "16", // MiB of shared and of each worker's memory: room, not use
			}
			if u := s.users; u != nil {
				argv = append(argv, "-A", fmt.Sprintf("USERS=%d", u.n), "-A", fmt.Sprintf("PASSWORD=%q", u.password))
			}
			if s.connections {
				file, err := kamailioTLS(dir)
				if err != nil {
					return nil, err
				}
				argv = append(argv, "-A", fmt.Sprintf("TLSPORT=%d", kamailioAddress.Port()+1), "-A", fmt.Sprintf("TLSCONFIG=%q", file))
			}
			return append(argv, more...), nil
		},
	}
}

// kamailioTLS writes a certificate and returns the configuration that names it.
func kamailioTLS(dir string) (string, error) {
	if err := writeCertificate(dir); err != nil {
		return "", err
	}
	content, err := files.ReadFile("kamailio-tls.cfg")
	if err != nil {
		return "", err
	}
	for _, name := range []string{certificateFile, keyFile} {
		content = bytes.ReplaceAll(content, []byte("= "+name), []byte("= "+filepath.Join(dir, name)))
	}
	file := filepath.Join(dir, "tls.cfg")
	return file, os.WriteFile(file, content, 0o600)
}

// parseKamailioVersion takes "5.6.3" from "version: kamailio 5.6.3 (x86_64/linux) 1a2b3c".
func parseKamailioVersion(out string) string {
	fields := strings.Fields(out)
	for i, f := range fields {
		if f == "kamailio" && i+1 < len(fields) {
			return fields[i+1]
		}
	}
	return "unknown"
}
