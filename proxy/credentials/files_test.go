package credentials

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// journal keeps what is logged. Safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// open opens a Store that is closed with the test.
func open(t testing.TB, c *config.Credentials, j *journal) (Store, *Metrics) {
	t.Helper()
	m := NewMetrics()
	s, err := Open(c, j.logger(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, m
}

var testsBegan = time.Now()

// look is what the Store says of a user of example.com.
func look(s Store, user string) (Answer, Credential) {
	var c Credential
	answer := s.Look(time.Since(testsBegan).Milliseconds(), &Query{Username: []byte(user), Realm: []byte("example.com")}, &c)
	return answer, c
}

// until waits for a condition.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func known(s Store, user string) func() bool {
	return func() bool { answer, _ := look(s, user); return answer == Found }
}

func unknown(s Store, user string) func() bool {
	return func() bool { answer, _ := look(s, user); return answer == Unknown }
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mount makes a directory what the kubelet makes of a Secret with these keys, in one step: each key is a link through
// ..data, which is renamed to another directory.
func mount(t testing.TB, dir string, version int, keys map[string]string) {
	t.Helper()
	name := fmt.Sprintf("..version_%d", version)
	if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
		t.Fatal(err)
	}
	for key, text := range keys {
		write(t, filepath.Join(dir, name, key), text)
	}
	if err := os.Symlink(name, filepath.Join(dir, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	for key := range keys {
		if link := filepath.Join(dir, key); !exists(link) {
			if err := os.Symlink(filepath.Join("..data", key), link); err != nil {
				t.Fatal(err)
			}
		}
	}
	links, err := filepath.Glob(filepath.Join(dir, "[^.]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if _, ok := keys[filepath.Base(link)]; !ok {
			if err := os.Remove(link); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func of(users ...string) string {
	text := ""
	for _, u := range users {
		text += u + ":example.com:" + md5Hash + "\n"
	}
	return text
}

func TestFilesSayWhoThereIs(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "secret"), filepath.Join(dir, "users.digest")
	mount(t, one, 1, map[string]string{"a": of("alice", "bob@example.com"), "b": of("carol", `o'brien"; --`, "ĳ")})
	write(t, two, "alice:example.com:"+sha256Hash+":100@example.com\nalice:other.example:"+md5Hash+"\n")
	s, _ := open(t, &config.Credentials{Files: []string{one, two, filepath.Join(dir, "later")}}, &journal{})
	for user, want := range map[string]Answer{
		"alice": Found, "bob@example.com": Found, "carol": Found, `o'brien"; --`: Found, "ĳ": Found,
		"bob": Unknown, "Alice": Unknown, "alice@example.com": Unknown, "": Unknown, "a\x00b": Unknown, "\xff": Unknown,
		"alice\x00example.com": Unknown, strings.Repeat("a", 70000): Unknown,
	} {
		if got, _ := look(s, user); got != want {
			t.Errorf("%.20q: %v, want %v", user, got, want)
		}
	}
	_, c := look(s, "alice")
	if !c.HasMD5 || !c.HasSHA256 || fmt.Sprintf("%x %x", c.MD5, c.SHA256) != md5Hash+" "+sha256Hash || fmt.Sprint(c.AORs) != "[sip:100@example.com]" || c.Stale {
		t.Errorf("of a Secret and a file: %+v", c)
	}
	asked := false
	if s.Ask(&Query{Username: []byte("nobody"), Realm: []byte("example.com")}, func() { asked = true }); !asked {
		t.Error("Ask does not call back at once")
	}
}

// TestFilesAreFollowed: within a second, whichever way they change.
func TestFilesAreFollowed(t *testing.T) {
	for rule, change := range map[string]func(t *testing.T, path string, step int, text string){
		"a Secret is swapped": func(t *testing.T, path string, step int, text string) {
			mount(t, path, step, map[string]string{"users": text})
		},
		"a file is renamed over": func(t *testing.T, path string, _ int, text string) {
			write(t, path+".new", text)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		},
		"a file is written in place": func(t *testing.T, path string, _ int, text string) { write(t, path, text) },
		"a file appears in a directory": func(t *testing.T, path string, step int, text string) {
			write(t, filepath.Join(path, fmt.Sprint("z", step)), text)
			for _, old := range []string{fmt.Sprint("z", step-1)} {
				_ = os.Remove(filepath.Join(path, old)) // not there in the first step
			}
		},
	} {
		t.Run(rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users")
			s, m := open(t, &config.Credentials{Files: []string{path}}, &journal{})
			if !unknown(s, "user0")() || value(m, "source_down", "source", "files") != 1 {
				t.Error("there is something before there is a file")
			}
			least := time.Hour // the machine may be busy, not every time
			for step := range 4 {
				change(t, path, step, of(fmt.Sprint("user", step)))
				begun := time.Now()
				until(t, "the new user is known", known(s, fmt.Sprint("user", step)))
				least = min(least, time.Since(begun))
				until(t, "the old user is not", unknown(s, fmt.Sprint("user", step-1)))
			}
			if least > 1500*time.Millisecond {
				t.Errorf("took %v at best", least)
			}
			if value(m, "file_users") != 1 || value(m, "source_down", "source", "files") != 0 {
				t.Error("metrics do not say that one user is there")
			}
		})
	}
}

// TestBadLinesAreReported: with file and number, without what they hold, and the rest is used.
func TestBadLinesAreReported(t *testing.T) {
	path, log := filepath.Join(t.TempDir(), "secret"), &journal{}
	mount(t, path, 1, map[string]string{"users": of("alice") + "bob:hunter2\n" + of("carol"), "zz": strings.Repeat("secret\n", 100)})
	s, m := open(t, &config.Credentials{Files: []string{path}}, log)
	if !known(s, "alice")() || !known(s, "carol")() {
		t.Error("good lines are not used")
	}
	if got := value(m, "lines_refused_total"); got != 101 {
		t.Errorf("%v lines counted", got)
	}
	text := log.String()
	if !strings.Contains(text, "file="+filepath.Join(path, "users")+" line=2") || strings.Contains(text, "hunter2") || strings.Contains(text, "secret\n") {
		t.Errorf("logged:\n%s", text)
	}
	if n := strings.Count(text, "credential line refused"); n != badLogged || !strings.Contains(text, "lines=91") {
		t.Errorf("%d bad lines of 101 logged one by one:\n%s", n, text)
	}
}

// TestLastGoodFilesStayInForce: whatever becomes of them.
func TestLastGoodFilesStayInForce(t *testing.T) {
	for rule, spoil := range map[string]func(t *testing.T, path string){
		"the directory vanishes": func(t *testing.T, path string) {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		},
		"the Secret is deleted": func(t *testing.T, path string) { mount(t, path, 2, nil) },
		"it is empty":           func(t *testing.T, path string) { mount(t, path, 2, map[string]string{"users": ""}) },
		"it is garbage":         func(t *testing.T, path string) { mount(t, path, 2, map[string]string{"users": "\xff\x00\ngarbage"}) },
		"it is larger than 1 MiB": func(t *testing.T, path string) {
			mount(t, path, 2, map[string]string{"users": of("eve") + strings.Repeat("#\n", 1<<19)})
		},
		"its keys are larger": func(t *testing.T, path string) {
			mount(t, path, 2, map[string]string{"a": of("eve"), "b": strings.Repeat("#\n", 1<<19)})
		},
		"a link that leads nowhere": func(t *testing.T, path string) {
			if err := os.Symlink("nowhere", filepath.Join(path, "z")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(rule, func(t *testing.T) {
			path, log := filepath.Join(t.TempDir(), "secret"), &journal{}
			mount(t, path, 1, map[string]string{"users": of("alice")})
			s, m := open(t, &config.Credentials{Files: []string{path}}, log)
			spoil(t, path)
			until(t, "the source is down", func() bool { return value(m, "source_down", "source", "files") == 1 }) // after the failure was counted and logged
			if !known(s, "alice")() || !unknown(s, "eve")() || value(m, "file_failures_total") < 1 {
				t.Error("the last good state is not in force")
			}
			if n := strings.Count(log.String(), "stays in force"); n < 1 || n > 2 { // it may have been seen half spoilt
				t.Errorf("logged:\n%s", log)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			mount(t, path, 3, map[string]string{"users": of("bob")})
			until(t, "what is good again is used", known(s, "bob"))
			if value(m, "source_down", "source", "files") != 0 {
				t.Error("it is still down")
			}
		})
	}
}

// TestWhatIsNoFileIsPassedOver: nothing hangs at a pipe, or reads a device.
func TestWhatIsNoFileIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	write(t, filepath.Join(path, "users"), of("alice"))
	write(t, filepath.Join(path, ".hidden"), of("eve"))
	write(t, filepath.Join(path, "below", "users"), of("eve"))
	if err := os.Symlink("/dev/zero", filepath.Join(path, "zero")); err != nil {
		t.Fatal(err)
	}
	s, m := open(t, &config.Credentials{Files: []string{path, "/dev/zero"}}, &journal{})
	if !known(s, "alice")() || !unknown(s, "eve")() || value(m, "file_failures_total") != 1 {
		t.Error("a directory and a device")
	}
}

func TestFilesLookWithoutAllocation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	write(t, path, of("alice"))
	s, _ := open(t, &config.Credentials{Files: []string{path}}, &journal{})
	for _, user := range []string{"alice", "nobody"} {
		q, c := Query{Username: []byte(user), Realm: []byte("example.com")}, Credential{}
		if n := testing.AllocsPerRun(100, func() { s.Look(0, &q, &c) }); n != 0 {
			t.Errorf("%v allocations for %s", n, user)
		}
	}
}

// many is a file of n users.
func many(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "user%06d:example.com:%032x\n", i, i)
	}
	return b
}

// TestFilesOf100000UsersLoadSoon is a bound of an order of magnitude on a busy machine: with a search for each line it
// would take minutes. BenchmarkLoad measures.
func TestFilesOf100000UsersLoadSoon(t *testing.T) {
	content := many(100_000)
	begun := time.Now()
	if users := Check(content, func(line int, err error) { t.Errorf("line %d: %v", line, err) }); users != 100_000 {
		t.Errorf("%d users", users)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

// BenchmarkLoad reads 100,000 users, and measures what one takes.
func BenchmarkLoad(b *testing.B) {
	const users = 100_000
	content := many(users)
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		builder := newBuilder(func(string, int, error) { b.Fatal("a bad line") })
		builder.file("", content)
		table := builder.table()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(table)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/users, "B/user")
}

func BenchmarkFilesLook(b *testing.B) {
	path := filepath.Join(b.TempDir(), "users")
	write(b, path, string(many(100_000)))
	s, _ := open(b, &config.Credentials{Files: []string{path}}, &journal{})
	q, c := Query{Username: []byte("user077777"), Realm: []byte("example.com")}, Credential{}
	b.ReportAllocs()
	for b.Loop() {
		if s.Look(0, &q, &c) != Found {
			b.Fatal("unknown")
		}
	}
}
