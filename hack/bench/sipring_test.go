package main

import (
	"crypto/md5"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// What is written must be what the proxy accepts, or the column stays empty.
func TestSipringFilesAreValid(t *testing.T) {
	argv, err := sipringCommand("bin/sipring", t.TempDir(), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseConfig(fileOf(t, argv, "--config"))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Profiling || c.Ports.SIP != int(sipringAddress.Port()) || c.Ports.Admin != sipringAdminPort || !slices.Equal(c.Domains, []string{domain}) {
		t.Errorf("configuration %+v", c)
	}
	members, err := config.ParseMemberSet(fileOf(t, argv, "--members"))
	if err != nil {
		t.Fatal(err)
	}
	m, ok := members.ByName(argument(t, argv, "--name"))
	if !ok || m.Address != sipringAddress.Addr().String() || m.State != config.Active {
		t.Errorf("member %+v, found: %v", m, ok)
	}
	if _, err := config.ParseKeys(fileOf(t, argv, "--keys")); err != nil {
		t.Error(err)
	}
}

// Users that are asked who they are have their secrets where the configuration says.
func TestSipringAsksItsUsers(t *testing.T) {
	u := &users{n: 2, password: rand.Text()}
	argv, err := sipringCommand("bin/sipring", t.TempDir(), false, u)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseConfig(fileOf(t, argv, "--config"))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Authentication
	if a == nil || a.Open || !slices.Equal(a.Digest.Algorithms, []string{config.AlgorithmMD5}) || len(a.Credentials.Files) != 1 {
		t.Fatalf("authentication %+v", a)
	}
	text, err := os.ReadFile(a.Credentials.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, name := range []string{"u0", "u1"} {
		sum := md5.Sum([]byte(name + ":" + domain + ":" + u.password))
		want += fmt.Sprintf("%s:%s:%x\n", name, domain, sum)
	}
	if string(text) != want {
		t.Errorf("credentials\n%swant\n%s", text, want)
	}
}

// A build during a run must not change what the next round measures.
func TestBinaryIsCopiedOnce(t *testing.T) {
	from := filepath.Join(t.TempDir(), "sipring")
	if err := os.WriteFile(from, []byte("#!/bin/sh\necho sipring v1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	b := &bench{dir: t.TempDir(), options: options{sipring: from}}
	target := b.sipringTarget()
	version, err := target.prepare(t.Context())
	if err != nil || !strings.HasPrefix(version, "v1, sha256 ") {
		t.Fatalf("version %q, error %v", version, err)
	}
	if err := os.WriteFile(from, []byte("another build"), 0o700); err != nil {
		t.Fatal(err)
	}
	argv, err := target.command(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(argv[0]); err != nil || !strings.Contains(string(content), "v1") {
		t.Errorf("the second build would be measured: %q, error %v", content, err)
	}
	b.options.sipring += "-missing"
	if _, err := b.sipringTarget().prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "not built") {
		t.Errorf("error %v, want not built", err)
	}
}

// argument is what follows the flag.
func argument(t *testing.T, argv []string, flag string) string {
	t.Helper()
	i := slices.Index(argv, flag)
	if i < 0 || i+1 == len(argv) {
		t.Fatalf("no %s in %q", flag, argv)
	}
	return argv[i+1]
}

func fileOf(t *testing.T, argv []string, flag string) []byte {
	t.Helper()
	b, err := os.ReadFile(argument(t, argv, flag))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
