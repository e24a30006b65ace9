//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/sipring/sipring/proxy/digest"
)

// database is a PostgreSQL on the client machine, with the table of subscribers as Kamailio
// makes it. Its methods may not be called concurrently.
type database struct {
	party    *party
	bin, dir string
	at       netip.AddrPort
	password string
	server   *exec.Cmd // nil while it is stopped
}

// subscribers is Kamailio's table, what of it concerns us.
const subscribers = `CREATE TABLE subscriber (id SERIAL PRIMARY KEY NOT NULL, username VARCHAR(64) DEFAULT '' NOT NULL,
	domain VARCHAR(64) DEFAULT '' NOT NULL, password VARCHAR(64) DEFAULT '' NOT NULL, ha1 VARCHAR(128) DEFAULT '' NOT NULL,
	ha1b VARCHAR(128) DEFAULT '' NOT NULL, CONSTRAINT subscriber_account_idx UNIQUE (username, domain))`

// newDatabase makes an empty one of Debian's newest PostgreSQL, and starts it.
func newDatabase(ctx context.Context, p *party, at netip.AddrPort) (*database, error) {
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(bins) == 0 {
		return nil, errors.Join(errors.New("no PostgreSQL: hack/tools/packages.sh hack/e2e/packages.txt installs Debian's"), err)
	}
	d := &database{party: p, bin: slices.Max(bins), at: at, password: rand.Text()}
	if err := d.folder(); err != nil {
		return nil, err
	}
	init := d.program(ctx, "initdb", "--no-sync", "--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", filepath.Join(d.dir, "password"),
		"--username=sipring", "--encoding=UTF8", "--locale=C", "-D", d.data())
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	access := "local all all trust\nhost all all 0.0.0.0/0 scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(d.data(), "pg_hba.conf"), []byte(access), 0o600); err != nil {
		return nil, err
	}
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	return d, d.run(ctx, subscribers)
}

// folder makes one that belongs to the user that the server runs as: it refuses root.
func (d *database) folder() (err error) {
	if d.dir, err = os.MkdirTemp("", "postgres-"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "password"), []byte(d.password+"\n"), 0o600); err != nil {
		return err
	}
	who, err := user.Lookup(postgresUser)
	if err != nil {
		return err
	}
	uid, err1 := strconv.Atoi(who.Uid)
	gid, err2 := strconv.Atoi(who.Gid)
	// Others may go through the folder of all temporary files, and list nothing.
	return errors.Join(err1, err2, os.Chown(d.dir, uid, gid), os.Chown(filepath.Join(d.dir, "password"), uid, gid),
		os.Chmod(filepath.Dir(d.dir), 0o711))
}

const postgresUser = "postgres"

func (d *database) data() string { return filepath.Join(d.dir, "data") }

// program is one of PostgreSQL's, on the client machine, which ends with this one.
func (d *database) program(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := d.party.command(ctx, "setpriv", append([]string{
		"--reuid", postgresUser, "--regid", postgresUser, "--init-groups", "--pdeathsig", "KILL", filepath.Join(d.bin, name),
	}, args...)...)
	c.Dir, c.Env, c.Stderr = "/", []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}, nil
	return c
}

// start returns when it answers.
func (d *database) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// Not under ctx: it stays when this is over.
	d.server = d.program(context.WithoutCancel(ctx), "postgres", "-D", d.data(), "-p", strconv.Itoa(int(d.at.Port())), "-k", d.dir,
		"-c", "listen_addresses="+d.at.Addr().String(), "-c", "fsync=off")
	d.server.Stdout, d.server.Stderr = log, log
	if err := d.server.Start(); err != nil {
		d.server = nil
		return err
	}
	return eventually(ctx, startLimit, func(ctx context.Context) error { return d.run(ctx, "SELECT 1") })
}

// stop returns when nothing of it runs any more: clients are thrown out, also of one that hangs.
func (d *database) stop() error {
	if d.server == nil {
		return nil
	}
	err := errors.Join(d.awake(), d.server.Process.Signal(syscall.SIGINT)) // "fast shutdown"
	if err == nil {
		err = d.server.Wait()
	}
	d.server = nil
	return err
}

// hang stops all its processes where they are: connections stay, and nobody is answered.
func (d *database) hang() error { return d.signal(syscall.SIGSTOP) }

// awake ends that.
func (d *database) awake() error { return d.signal(syscall.SIGCONT) }

// signal sends one to the server and then to those that it has begun, which are sessions of
// their own.
func (d *database) signal(s syscall.Signal) error {
	server := d.server.Process.Pid
	if err := syscall.Kill(server, s); err != nil {
		return err
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", server))
	if err != nil {
		return err
	}
	for _, field := range strings.Fields(string(raw)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// uri is what the proxies' Secret has.
func (d *database) uri() string {
	return fmt.Sprintf("postgres://sipring:%s@%s/postgres?sslmode=disable", d.password, d.at)
}

// run runs SQL, by a socket that is in the server's folder.
func (d *database) run(ctx context.Context, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%d user=sipring dbname=postgres", d.dir, d.at.Port()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql, args...)
	return err
}

// add makes somebody a subscriber. There is one hash in a row of Kamailio's.
func (d *database) add(ctx context.Context, user, password string, a digest.Algorithm) error {
	hash := fmt.Sprintf("%x", digest.HA1(a, []byte(user), []byte(domain), []byte(password)))
	return d.run(ctx, "INSERT INTO subscriber (username, domain, ha1) VALUES ($1, $2, $3)", user, domain, hash)
}
