package main

import (
	"os"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// What is written must be what the proxy accepts, or the column stays empty.
func TestSipringFilesAreValid(t *testing.T) {
	argv, err := sipringCommand("bin/sipring", t.TempDir(), true)
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
