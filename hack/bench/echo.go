package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// echoTarget is native/echo.c: the floor under any SIP server over UDP.
func (b *bench) echoTarget() target {
	binary := filepath.Join(b.dir, "echo")
	return target{
		name: nameEcho, label: "UDP echo", address: echoAddress,
		prepare: func(ctx context.Context) (string, error) {
			return "native/echo.c, gcc -O2", b.compile(ctx, "echo", binary)
		},
		command: func(string, setup) ([]string, error) {
			return []string{binary, echoAddress.Addr().String(), strconv.Itoa(int(echoAddress.Port()))}, nil
		},
	}
}

// compile builds native/NAME.c with the C compiler and the libraries.
func (b *bench) compile(ctx context.Context, name, binary string, libraries ...string) error {
	for _, file := range []string{name + ".c", "md5.h"} {
		source, err := files.ReadFile("native/" + file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.dir, file), source, 0o600); err != nil {
			return err
		}
	}
	argv := append([]string{"-O2", "-Wall", "-o", binary, filepath.Join(b.dir, name+".c"), "-lm"}, libraries...)
	out, err := exec.CommandContext(ctx, "gcc", argv...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("compile %s.c: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
