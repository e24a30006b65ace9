package credentials

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sipring/sipring/proxy/config"
)

// hashes of user:realm:password, in hexadecimal.
func md5Of(user, realm string) string {
	h := md5.Sum([]byte(user + ":" + realm + ":secret"))
	return hex.EncodeToString(h[:])
}

func sha256Of(user, realm string) string {
	h := sha256.Sum256([]byte(user + ":" + realm + ":secret"))
	return hex.EncodeToString(h[:])
}

// Tables as they are made for Kamailio 5.8 and OpenSIPS 2.4 and 3.5: what of them concerns us.
const (
	kamailio = `CREATE TABLE subscriber (id SERIAL PRIMARY KEY NOT NULL, username VARCHAR(64) DEFAULT '' NOT NULL, domain VARCHAR(64) DEFAULT '' NOT NULL,
		password VARCHAR(64) DEFAULT '' NOT NULL, ha1 VARCHAR(128) DEFAULT '' NOT NULL, ha1b VARCHAR(128) DEFAULT '' NOT NULL, UNIQUE (username, domain))`
	opensips2 = `CREATE TABLE subscriber (id SERIAL PRIMARY KEY NOT NULL, username VARCHAR(64) DEFAULT '' NOT NULL, domain VARCHAR(64) DEFAULT '' NOT NULL,
		password VARCHAR(25) DEFAULT '' NOT NULL, ha1 VARCHAR(64) DEFAULT '' NOT NULL, ha1b VARCHAR(64) DEFAULT '' NOT NULL, UNIQUE (username, domain))`
	opensips3 = `CREATE TABLE subscriber (id SERIAL PRIMARY KEY NOT NULL, username VARCHAR(64) DEFAULT '' NOT NULL, domain VARCHAR(64) DEFAULT '' NOT NULL,
		password VARCHAR(25) DEFAULT '' NOT NULL, ha1 CHAR(64) DEFAULT '' NOT NULL, ha1_sha256 CHAR(64) DEFAULT '' NOT NULL, ha1_sha512t256 CHAR(64) DEFAULT '' NOT NULL, UNIQUE (username, domain))`
)

func (d *database) open(c config.PostgresCredentials, set config.Credentials) (Store, *Metrics) {
	d.t.Helper()
	c.ConnectionFile = filepath.Join(d.t.TempDir(), "connection")
	write(d.t, c.ConnectionFile, d.url()+"\n")
	set.Postgres = &c
	return open(d.t, &set, &journal{})
}

// secret is what of a user's hashes is that of a user name.
func secret(c Credential, user string) string {
	var all []string
	if c.HasMD5 && hex.EncodeToString(c.MD5[:]) == md5Of(user, "example.com") {
		all = append(all, "MD5")
	}
	if c.HasSHA256 && hex.EncodeToString(c.SHA256[:]) == sha256Of(user, "example.com") {
		all = append(all, "SHA-256")
	}
	return strings.Join(all, " ")
}

// TestSubscriberTables: of those that there are the columns are found, and used as their programs write them.
func TestSubscriberTables(t *testing.T) {
	d := newDatabase(t)
	const at = "alice@example.com"
	for rule, c := range map[string]struct {
		sql           []string
		alice, atHome string // algorithms whose hash is that of the user, and of the user with the domain
	}{
		"Kamailio":              {[]string{kamailio, "INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES ('alice', 'example.com', '" + md5Of("alice", "example.com") + "', '" + md5Of(at, "example.com") + "')"}, "MD5", "MD5"},
		"Kamailio with SHA-256": {[]string{kamailio, "INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES ('alice', 'example.com', '" + sha256Of("alice", "example.com") + "', '" + sha256Of(at, "example.com") + "')"}, "SHA-256", "SHA-256"},
		"OpenSIPS 2.4":          {[]string{opensips2, "INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES ('alice', 'example.com', '" + md5Of("alice", "example.com") + "', '" + md5Of(at, "example.com") + "')"}, "MD5", "MD5"},
		"OpenSIPS 3.5":          {[]string{opensips3, "INSERT INTO subscriber (username, domain, ha1, ha1_sha256, ha1_sha512t256) VALUES ('alice', 'example.com', '" + md5Of("alice", "example.com") + "', '" + sha256Of("alice", "example.com") + "', 'x')"}, "MD5 SHA-256", ""},
		"all columns":           {[]string{kamailio, "ALTER TABLE subscriber ADD ha1_sha256 text, ADD ha1b_sha256 text", "INSERT INTO subscriber (username, domain, ha1, ha1b, ha1_sha256, ha1b_sha256) VALUES ('alice', 'example.com', '" + md5Of("alice", "example.com") + "', '" + md5Of(at, "example.com") + "', '" + sha256Of("alice", "example.com") + "', '" + sha256Of(at, "example.com") + "')"}, "MD5 SHA-256", "MD5 SHA-256"},
		"a domain for all":      {[]string{kamailio, "INSERT INTO subscriber (username, ha1) VALUES ('alice', '" + md5Of("alice", "example.com") + "')"}, "MD5", ""},
		"the right domain":      {[]string{kamailio, "INSERT INTO subscriber (username, domain, ha1) VALUES ('alice', '', repeat('0', 32)), ('alice', 'other.test', repeat('1', 32)), ('alice', 'example.com', '" + md5Of("alice", "example.com") + "')"}, "MD5", ""},
		"no domains":            {[]string{"CREATE TABLE subscriber (username text, ha1_sha256 text)", "INSERT INTO subscriber VALUES ('alice', '" + sha256Of("alice", "example.com") + "')"}, "SHA-256", ""},
	} {
		t.Run(rule, func(t *testing.T) {
			d.run("DROP TABLE IF EXISTS subscriber")
			for _, sql := range c.sql {
				d.run(sql)
			}
			s, _ := d.open(config.PostgresCredentials{}, config.Credentials{})
			got, alice := answer(s, "alice")
			_, atHome := answer(s, at)
			if got != Found || secret(alice, "alice") != c.alice || secret(atHome, at) != c.atHome {
				t.Errorf("%v: alice has %q, with a domain %q", got, secret(alice, "alice"), secret(atHome, at))
			}
			if got, _ := answer(s, "bob"); got != Unknown {
				t.Errorf("bob is %v", got)
			}
			if got, _ := answer(s, "alice@other.example"); rule == "Kamailio" && got != Unknown {
				t.Errorf("alice of another domain is %v", got)
			}
		})
	}
}

// TestNamesDoNotHarmTheDatabase: whatever somebody calls himself.
func TestNamesDoNotHarmTheDatabase(t *testing.T) {
	d := newDatabase(t)
	d.run(kamailio)
	names := []string{`a'; DROP TABLE subscriber; --`, `a" OR "1"="1`, "$1", "%", "a\\'", "ĳ", "𝔞", "*)(uid=*", "a@b@example.com", "@", "a@", strings.Repeat("ä", 127)}
	for _, name := range names {
		d.run("INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES (left($1, 64), 'example.com', $2, $2) ON CONFLICT DO NOTHING", strings.TrimSuffix(name, "@example.com"), md5Of(name, "example.com"))
	}
	s, m := d.open(config.PostgresCredentials{}, config.Credentials{})
	for _, name := range names {
		want := Found
		if len(name) > 64 {
			want = Unknown
		}
		if got, c := answer(s, name); got != want || want == Found && secret(c, name) != "MD5" {
			t.Errorf("%q is %v", name, got)
		}
	}
	for _, name := range []string{"a\x00b", "\xff\xfe", "x' OR 'a'='a", "nobody"} {
		if got, _ := answer(s, name); got != Unknown {
			t.Errorf("%q is %v", name, got)
		}
	}
	d.run("SELECT 1 / count(*) FROM subscriber")
	if value(m, "questions_total", "source", "postgres", "result", "failed") != 0 {
		t.Error("some of these were failures")
	}
}

// TestOwnQuery: with further addresses-of-record, in rows or an array; its errors are one user's alone.
func TestOwnQuery(t *testing.T) {
	d := newDatabase(t)
	d.run("CREATE TABLE accounts (id int, realm text, hash text)")
	d.run("CREATE TABLE numbers (id int, number text)")
	d.run("INSERT INTO accounts VALUES (7, 'example.com', '" + md5Of("7", "example.com") + "')")
	d.run("INSERT INTO numbers VALUES (7, '700@example.com'), (7, 'tel:+1-700'), (7, '700@EXAMPLE.com')")
	for rule, query := range map[string]string{
		"rows":     "SELECT hash AS ha1, number AS aor FROM accounts LEFT JOIN numbers USING (id) WHERE id = $1::int AND realm = $2 ORDER BY number",
		"an array": "SELECT hash AS ha1, ARRAY(SELECT number FROM numbers n WHERE n.id = a.id ORDER BY number) AS aor FROM accounts a WHERE id = $1::int AND realm = $2",
	} {
		s, m := d.open(config.PostgresCredentials{Query: query}, config.Credentials{})
		got, c := answer(s, "7")
		if got != Found || secret(c, "7") != "MD5" || len(c.AORs) != 2 {
			t.Errorf("%s: %v, %+v", rule, got, c)
		}
		for range 2 * breakAfter {
			if got, _ := answer(s, "seven"); got != Unavailable {
				t.Errorf("%s: who is no number is %v", rule, got)
			}
		}
		if got, _ := answer(s, "8"); got != Unknown || value(m, "source_down", "source", "postgres") != 0 {
			t.Errorf("%s: the next one is %v", rule, got)
		}
	}
}

// TestRowsThatMakeNoSenseAreRefused: and nobody is unknown for it.
func TestRowsThatMakeNoSenseAreRefused(t *testing.T) {
	d := newDatabase(t)
	for query, want := range map[string]Answer{
		"SELECT repeat('0', 10000000) AS ha1, $1 || $2 AS x":                                                Unavailable,
		"SELECT repeat('0', 32) AS ha1, i || '@' || $2 AS aor, $1 AS x FROM generate_series(1, 10000000) i": Unavailable,
		"SELECT md5($1) AS hash WHERE $2 = ''":                                                              Unavailable,
		"SELECT md5($1) AS ha1 WHERE $2 = ''":                                                               Unknown,
		"SELECT 7 AS ha1, $1 || $2 AS x":                                                                    Unavailable,
		"SELECT NULL AS ha1, $1 || $2 AS x":                                                                 Unknown,
		"SELECT 'secret' AS ha1, $1 || $2 AS x":                                                             Unavailable,
	} {
		s, _ := d.open(config.PostgresCredentials{Query: query}, config.Credentials{})
		if got, _ := answer(s, "alice"); got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

// TestErrorsDoNotNameUsers: what is logged of a query that fails for a user.
func TestErrorsDoNotNameUsers(t *testing.T) {
	_, err := (&postgres{}).judge(&pgconn.PgError{Severity: "ERROR", Code: "22P02", Message: `invalid input syntax for type uuid: "alice"`})
	if !isOddity(err) || strings.Contains(err.Error(), "alice") || !strings.Contains(err.Error(), "22P02") {
		t.Errorf("%v", err)
	}
}

const trigger = `
CREATE FUNCTION subscriber_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP <> 'INSERT' THEN PERFORM pg_notify('sipring', OLD.username || '@' || OLD.domain); END IF;
	IF TG_OP <> 'DELETE' THEN PERFORM pg_notify('sipring', NEW.username || '@' || NEW.domain); END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER subscriber_changed AFTER INSERT OR UPDATE OR DELETE ON subscriber FOR EACH ROW EXECUTE FUNCTION subscriber_changed();`

// TestNotifications: who was absent is known, and who was known no longer, as soon as the database says so; and so is what
// was changed while nobody listened.
func TestNotifications(t *testing.T) {
	d := newDatabase(t)
	d.run(kamailio)
	d.run(trigger)
	s, m := d.open(config.PostgresCredentials{Channel: "sipring"}, config.Credentials{})
	insert := func(name string) {
		d.run("INSERT INTO subscriber (username, domain, ha1) VALUES ($1, 'example.com', $2)", name, md5Of(name, "example.com"))
	}
	is := func(name string, want Answer) func() bool {
		return func() bool { got, _ := answer(s, name); return got == want }
	}
	until(t, "the channel is heard", func() bool { d.run("NOTIFY sipring"); return value(m, "notifications_total") > 0 })
	heard := value(m, "notifications_total")
	if !is("alice", Unknown)() {
		t.Error("alice is there")
	}
	insert("alice")
	begun := time.Now()
	until(t, "alice is known", is("alice", Found))
	d.run("DELETE FROM subscriber WHERE username = 'alice'")
	until(t, "alice is not known", is("alice", Unknown))
	if took := time.Since(begun); took > absentLife/2 || value(m, "notifications_total") < heard+2 {
		t.Errorf("took %v", took)
	}
	if !is("bob", Unknown)() {
		t.Error("bob is there")
	}
	d.kill()
	until(t, "it is noticed", func() bool { is("nobody", Unavailable)(); return value(m, "source_down", "source", "postgres") == 1 })
	d.start()
	d.run("ALTER TABLE subscriber DISABLE TRIGGER ALL")
	insert("bob")
	begun = time.Now()
	until(t, "bob is known", is("bob", Found))
	if took := time.Since(begun); took > absentLife/2 {
		t.Errorf("bob took %v", took)
	}
}

// TestDatabaseIsKilledUnderLoad: known users go on without a gap, unknown ones are Unavailable and never Unknown, and both
// are asked for again when it is back.
func TestDatabaseIsKilledUnderLoad(t *testing.T) {
	d := newDatabase(t)
	d.run(kamailio)
	d.run("INSERT INTO subscriber (username, domain, ha1) SELECT 'u' || i, 'example.com', repeat('0', 32) FROM generate_series(0, 1999) i")
	const half = 1000
	s, m := d.open(config.PostgresCredentials{Channel: "sipring"}, config.Credentials{CacheSeconds: 1, TimeoutSeconds: 1, MaxConcurrent: 4})
	for i := range half {
		until(t, fmt.Sprintf("u%d is known", i), func() bool { got, _ := answer(s, fmt.Sprint("u", i)); return got == Found })
	}
	var unavailable, looks atomic.Int64
	wrong := make(chan string, 10)
	is := func(kind string, got Answer) {
		select {
		case wrong <- fmt.Sprintf("a %s user is %v", kind, got):
		default:
		}
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for i := 0; ; i = (i + 1) % half {
				select {
				case <-stop:
					return
				default:
				}
				if got, _ := look(s, fmt.Sprint("u", i)); got != Found {
					is("known", got)
				}
				switch got, _ := answer(s, fmt.Sprint("u", half+i)); got {
				case Found, Ask: // the answer was taken back, as something may have been missed
				case Unavailable:
					unavailable.Add(1)
				default:
					is("new", got)
				}
				looks.Add(1)
				time.Sleep(time.Millisecond) // the load, not a wait
			}
		})
	}
	down := func(want float64) func() bool {
		return func() bool { return value(m, "source_down", "source", "postgres") == want }
	}
	for range 2 {
		d.kill()
		until(t, "the source is down", down(1))
		before := unavailable.Load()
		until(t, "new users are unavailable", func() bool {
			_, _ = answer(s, fmt.Sprint("x", looks.Load()))
			return looks.Load() > 100 && unavailable.Load() >= before
		})
		d.start()
		until(t, "the source is back", down(0))
	}
	until(t, "a user that was never asked for is known", func() bool { got, _ := answer(s, "u1999"); return got == Found })
	close(stop)
	load.Wait()
	for len(wrong) > 0 {
		t.Error(<-wrong)
	}
	t.Logf("%d looks, %d unavailable, %v questions failed", looks.Load(), unavailable.Load(), value(m, "questions_total", "source", "postgres", "result", "failed"))
}

// TestConnectionIsReloaded: the connection is there later, and changes.
func TestConnectionIsReloaded(t *testing.T) {
	d := newDatabase(t)
	d.run(kamailio)
	d.run("INSERT INTO subscriber (username, domain, ha1) VALUES ('alice', 'example.com', repeat('0', 32))")
	file := filepath.Join(t.TempDir(), "connection")
	log := &journal{}
	s, _ := open(t, &config.Credentials{Postgres: &config.PostgresCredentials{ConnectionFile: file, Channel: "sipring"}}, log)
	for _, c := range []struct {
		text string
		want Answer
	}{
		{"", Unavailable},
		{"postgres://x:hunter2@127.0.0.1:1:2/x", Unavailable},
		{"postgres://x:hunter2@127.0.0.1:1/x?sslmode=disable", Unavailable},
		{d.url(), Found},
	} {
		if c.text != "" {
			write(t, file, c.text)
		}
		until(t, fmt.Sprintf("with %q alice is %v", c.text, c.want), func() bool { got, _ := answer(s, "alice"); return got == c.want })
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log has a password:\n%s", log)
	}
}

// TestSimpleProtocol: as some poolers want it.
func TestSimpleProtocol(t *testing.T) {
	d := newDatabase(t)
	d.run(kamailio)
	d.run("INSERT INTO subscriber (username, domain, ha1) VALUES ('o''brien', 'example.com', repeat('0', 32))")
	file := filepath.Join(t.TempDir(), "connection")
	write(t, file, d.url()+"&default_query_exec_mode=simple_protocol")
	s, _ := open(t, &config.Credentials{Postgres: &config.PostgresCredentials{ConnectionFile: file}}, &journal{})
	for name, want := range map[string]Answer{"o'brien": Found, "' OR '1'='1": Unknown, `\' OR 1=1 --`: Unknown} {
		if got, _ := answer(s, name); got != want {
			t.Errorf("%s is %v", name, got)
		}
	}
}

func TestSubscriberQueryRefuses(t *testing.T) {
	for _, columns := range [][]string{nil, {"ha1"}, {"username", "domain", "password"}} {
		if sql, err := subscriberQuery(columns); err == nil {
			t.Errorf("%v: %s", columns, sql)
		}
	}
}
