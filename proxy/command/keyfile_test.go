package command

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// owned is a file of a user and with a mode.
type owned struct {
	fs.FileInfo
	user uint32
	mode fs.FileMode
}

func (o owned) Mode() fs.FileMode { return o.mode }
func (o owned) Sys() any          { return &syscall.Stat_t{Uid: o.user} }

func TestKeyFileIsJudgedByWhoMayReadIt(t *testing.T) {
	const root, proxyUser = 0, 65532
	for _, tt := range []struct {
		owner uint32
		user  int
		mode  fs.FileMode
		ok    bool
	}{
		{proxyUser, proxyUser, 0o600, true},
		{proxyUser, proxyUser, 0o400, true},
		{proxyUser, proxyUser, 0o700, true},
		{proxyUser, proxyUser, 0o640, false},
		{proxyUser, proxyUser, 0o604, false},
		{proxyUser, proxyUser, 0o644, false},
		{proxyUser, proxyUser, 0o620, false},
		{proxyUser, proxyUser, 0o602, false},
		{proxyUser, proxyUser, 0o666, false},
		{root, root, 0o600, true},
		{root, root, 0o640, false},
		{root, root, 0o644, false},
		{root, proxyUser, 0o440, true}, // as a Secret with an fsGroup is, and what a package's installer writes
		{root, proxyUser, 0o640, true},
		{root, proxyUser, 0o660, false},
		{root, proxyUser, 0o444, false},
		{root, proxyUser, 0o644, false},
		{root, proxyUser, 0o600 | fs.ModeNamedPipe, false},
		{root, proxyUser, 0o700 | fs.ModeDir, false},
	} {
		err := checkKeyFile("/nowhere/keys.json", owned{user: tt.owner, mode: tt.mode}, tt.user)
		if (err == nil) != tt.ok {
			t.Errorf("mode %v of user %d, read by %d: %v, want it taken: %v", tt.mode, tt.owner, tt.user, err, tt.ok)
		}
		if err != nil && tt.mode.IsRegular() && (!strings.Contains(err.Error(), "/nowhere/keys.json") || !strings.Contains(err.Error(), "chmod 600")) {
			t.Errorf("it does not say what is to do: %v", err)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	keys, _ := config.NewKeys().Marshal() // plain data
	for name, tt := range map[string]struct {
		make func(t *testing.T, dir string) // what stands at keys.json
		want string                         // in the error; empty for none
	}{
		"of its owner": {func(t *testing.T, dir string) { writeMode(t, filepath.Join(dir, "keys.json"), keys, 0o600) }, ""},
		"for all":      {func(t *testing.T, dir string) { writeMode(t, filepath.Join(dir, "keys.json"), keys, 0o644) }, "mode 0644"},
		"a link to one for all": {func(t *testing.T, dir string) {
			writeMode(t, filepath.Join(dir, "other.json"), keys, 0o644)
			link(t, "other.json", filepath.Join(dir, "keys.json"))
		}, "mode 0644"},
		"in a volume of the kubelet": {func(t *testing.T, dir string) { volume(t, dir, keys, 0o644) }, ""},
		"beside a volume of the kubelet": {func(t *testing.T, dir string) {
			volume(t, dir, keys, 0o644)
			writeMode(t, filepath.Join(dir, "new"), keys, 0o644)
			if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "keys.json")); err != nil {
				t.Fatal(err)
			}
		}, "mode 0644"},
		"a directory": {func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "keys.json"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "no regular file"},
		"a pipe": {func(t *testing.T, dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "keys.json"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "no regular file"},
		"too large": {func(t *testing.T, dir string) {
			writeMode(t, filepath.Join(dir, "keys.json"), append(keys, make([]byte, maxKeyFile)...), 0o600)
		}, "more than"},
		"not there": {func(*testing.T, string) {}, "umask 077"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tt.make(t, dir)
			_, err := readKeys(filepath.Join(dir, "keys.json"))
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "keys.json")):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func writeMode(t *testing.T, path string, content []byte, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// volume lays out keys.json as the kubelet does.
func volume(t *testing.T, dir string, content []byte, mode fs.FileMode) {
	t.Helper()
	stamp := "..2026_01_02_03_04_05.1"
	if err := os.Mkdir(filepath.Join(dir, stamp), 0o755); err != nil {
		t.Fatal(err)
	}
	writeMode(t, filepath.Join(dir, stamp, "keys.json"), content, mode)
	link(t, stamp, filepath.Join(dir, "..data"))
	link(t, "..data/keys.json", filepath.Join(dir, "keys.json"))
}

// TestKeysAreFollowed: three proxies take each step of a rotation while they
// serve, and what is no step is ignored.
func TestKeysAreFollowed(t *testing.T) {
	f := newFolder(t, 3)
	for _, m := range f.set.Members {
		f.start(m.Name, "--address", m.Address, "--keys", f.file("keys.json"))
	}
	for i := range f.set.Members {
		f.await(i+1, "/readyz", ready)
	}
	read := func() config.Key {
		k, err := readKeys(f.file("keys.json"))
		if err != nil {
			t.Fatal(err)
		}
		return k.Keys[0]
	}
	old, fresh := read(), config.NewKeys().Keys[0]
	fresh.ID = 2
	inForce := func(signs string, verify ...string) {
		t.Helper()
		for i := range f.set.Members {
			f.await(i+1, "/metrics", func(_ int, body string) bool {
				ok := strings.Contains(body, `sipring_proxy_keys{id="`+signs+`",use="sign"} 1`)
				for _, id := range verify {
					ok = ok && strings.Contains(body, `sipring_proxy_keys{id="`+id+`",use="verify"} 1`)
				}
				return ok && strings.Count(body, "\nsipring_proxy_keys{") == 1+len(verify)
			})
			f.await(i+1, "/readyz", ready)
		}
	}
	write := func(keys ...config.Key) {
		t.Helper()
		text, err := (&config.Keys{Keys: keys}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		f.write("keys.json", text)
	}
	inForce("1")
	f.register(1, "bob", "sip:bob@192.0.2.1")
	write(old, fresh)
	inForce("1", "2")
	write(fresh, old)
	inForce("2", "1")

	weak := fresh
	weak.ID, weak.Secret = 3, make([]byte, config.SecretSize)
	write(weak, fresh)
	f.write("keys.json", []byte("no keys"))
	if err := os.Chmod(f.file("keys.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	write(fresh)
	inForce("2")
	for i := range f.set.Members {
		if got := f.register(i+1, "bob", ""); !strings.Contains(got, "sip:bob@192.0.2.1") {
			t.Errorf("member %d lost a binding: %s", i+1, got)
		}
	}
}
