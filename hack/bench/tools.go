package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// files are the servers' and the load's sources, so that the command works
// from any directory.
//
//go:embed native/echo.c native/regload.c kamailio.cfg scenarios/uac.xml scenarios/uas.xml
var files embed.FS

// tool finds a program, installing its Debian package where that is allowed.
// The error is short enough for a table.
func (b *bench) tool(ctx context.Context, program, debianPackage string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	if !b.options.install || os.Geteuid() != 0 {
		b.progress("%s is not installed: apt-get install %s", program, debianPackage)
		return "", fmt.Errorf("not installed")
	}
	b.progress("installing %s with apt-get", debianPackage)
	install := exec.CommandContext(ctx, "apt-get", "install", "--yes", "--no-install-recommends", debianPackage)
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := install.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		b.progress("%s cannot be installed: %v: %s", debianPackage, err, lines[len(lines)-1])
		return "", fmt.Errorf("not installed")
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("not installed")
	}
	return path, nil
}
