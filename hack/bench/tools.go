package main

import (
	"embed"
	"fmt"
	"os/exec"
)

// files are the servers' and the load's sources, so that the command works
// from any directory.
//
//go:embed native/echo.c native/regload.c native/connload.c native/md5.h kamailio.cfg kamailio-tls.cfg scenarios/uac.xml scenarios/uas.xml
var files embed.FS

// tool finds a program; its error names the Debian package that has it.
func tool(program, debianPackage string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is not installed: run make bench as root, or apt-get install %s", program, debianPackage)
	}
	return path, nil
}
