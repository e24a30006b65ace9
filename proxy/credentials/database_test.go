package credentials

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// database is a PostgreSQL of this test's own.
type database struct {
	t          *testing.T
	bin, dir   string
	port       int
	credential *syscall.Credential // nil: that of the test
	command    *exec.Cmd
}

// newDatabase makes a database of Debian's PostgreSQL and starts it. On a machine that has none the test is skipped,
// unless that is to have one.
func newDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{t: t, bin: binaries(t), dir: t.TempDir(), port: freePort(t)}
	if os.Geteuid() == 0 {
		d.credential = unprivileged(t) // initdb refuses root
		if err := os.Chown(d.dir, int(d.credential.Uid), int(d.credential.Gid)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Dir(d.dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := d.as("initdb", "--no-sync", "--auth=trust", "--username=sipring", "--encoding=UTF8", "--locale=C", "-D", d.data()).CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	d.start()
	t.Cleanup(d.end)
	return d
}

// binaries is where the newest PostgreSQL has its programs.
func binaries(t *testing.T) string {
	t.Helper()
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(all) == 0 {
		const how = "no PostgreSQL here: hack/tools/packages.sh proxy/credentials/packages.txt, as root, installs Debian's"
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return slices.Max(all)
}

// unprivileged is the user that the package makes, or nobody.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// freePort is a port below those that connections get, which nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(20000)
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func (d *database) data() string { return filepath.Join(d.dir, "data") }

// as is a program of PostgreSQL's.
func (d *database) as(program string, arguments ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(d.bin, program), arguments...)
	c.Dir, c.Env = "/", []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: d.credential, Setpgid: true}
	return c
}

// start starts the server and waits until it answers.
func (d *database) start() {
	d.t.Helper()
	d.command = d.as("postgres", "-D", d.data(), "-p", strconv.Itoa(d.port), "-k", d.dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
	log, err := os.OpenFile(filepath.Join(d.t.TempDir(), "log"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	d.command.Stdout, d.command.Stderr = log, log
	if err := d.command.Start(); err != nil {
		d.t.Fatal(err)
	}
	until(d.t, "the database answers", func() bool {
		conn, err := pgx.Connect(context.Background(), d.url())
		if err != nil {
			return false
		}
		return conn.Close(context.Background()) == nil
	})
}

// end has it end at once by itself, which leaves nothing in the kernel.
func (d *database) end() {
	if d.command == nil {
		return
	}
	_ = d.command.Process.Signal(syscall.SIGQUIT) // "immediate shutdown"
	late := time.AfterFunc(30*time.Second, func() { _ = syscall.Kill(-d.command.Process.Pid, syscall.SIGKILL) })
	_ = d.command.Wait() // not in vain
	late.Stop()
	d.command = nil
}

// kill kills all of its processes at once. Started again, it removes what that leaves of its shared memory.
func (d *database) kill() {
	if d.command == nil {
		return
	}
	_ = syscall.Kill(-d.command.Process.Pid, syscall.SIGKILL)
	_ = d.command.Wait() // killed
	until(d.t, "its processes are gone", func() bool { return syscall.Kill(-d.command.Process.Pid, 0) != nil })
	d.command = nil
}

func (d *database) url() string {
	return fmt.Sprintf("postgres://sipring@127.0.0.1:%d/postgres?sslmode=disable&connect_timeout=5", d.port)
}

// run runs SQL.
func (d *database) run(sql string, arguments ...any) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.url())
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql, arguments...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}
