package credentials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sipring/sipring/proxy/config"
)

const (
	// maxMessage bounds what the database sends at a time, a row among it, in bytes.
	maxMessage = 256 << 10
	// columnsLife is how long the columns of the table are taken to be what they were.
	columnsLife = time.Minute
)

// postgres asks a database.
type postgres struct {
	pool    *reloaded[*pgxpool.Pool]
	query   string // empty: of the table subscriber
	channel string
	closing sync.WaitGroup // pools of former connection strings

	mu        sync.Mutex
	found     string // the query for the columns that the table has
	foundWhen time.Time
	foundIn   *pgxpool.Pool

	stop  context.CancelFunc
	ended sync.WaitGroup
}

func openPostgres(c *config.Credentials, log *slog.Logger, m *Metrics) (Store, error) {
	if c.Postgres.ConnectionFile == "" {
		return nil, errors.New("credentials: postgres: no file with the connection is named")
	}
	set := readSettings(c)
	p := newPostgres(c.Postgres, set)
	r := newRemote(sourcePostgres, p, set, defaultBounds, log, m)
	p.start(r)
	return r, nil
}

func newPostgres(c *config.PostgresCredentials, set settings) *postgres {
	p := &postgres{query: c.Query, channel: c.Channel}
	p.pool = &reloaded[*pgxpool.Pool]{
		paths: []string{c.ConnectionFile},
		build: func(contents [][]byte) (*pgxpool.Pool, error) { return newPool(string(contents[0]), set) },
		drop:  func(old *pgxpool.Pool) { p.closing.Go(old.Close) }, // which waits for those who use it
	}
	return p
}

// start follows the channel, if there is one.
func (p *postgres) start(r *remote) {
	r.fold = true
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	if p.channel != "" {
		p.ended.Go(func() { p.listen(ctx, r) })
	}
}

// newPool does not connect yet. Errors do not quote the string: it has a password.
func newPool(connection string, set settings) (*pgxpool.Pool, error) {
	connection = strings.TrimSpace(connection)
	c, err := pgxpool.ParseConfig(connection)
	if err != nil || connection == "" {
		return nil, errors.New("postgres: the connection is neither a URL nor keywords that can be read")
	}
	if !strings.Contains(connection, "pool_max_conns") {
		c.MaxConns = int32(set.concurrent)
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = set.timeout
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "sipring"
	}
	c.ConnConfig.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(maxMessage)
		return f
	}
	return pgxpool.NewWithConfig(context.Background(), c)
}

// ask implements source.
func (p *postgres) ask(ctx context.Context, q *question) (finding, error) {
	pool, err := p.pool.get()
	if err != nil {
		return finding{}, err
	}
	sql, err := p.sql(ctx, pool)
	if err != nil {
		return finding{}, err
	}
	user, domain := q.split()
	if domain == "" {
		domain = q.realm
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := pool.Query(ctx, sql, user, domain)
	if err != nil {
		return p.judge(err)
	}
	found, err := readRows(rows, q.username != user, cancel)
	if err != nil {
		return p.judge(err)
	}
	return found, nil
}

// judge tells errors that are this user's from those of all. A name that the database has no characters for is nobody's.
func (p *postgres) judge(err error) (finding, error) {
	var of *pgconn.PgError
	if isOddity(err) || !errors.As(err, &of) {
		return finding{}, err
	}
	switch class := of.Code[:min(2, len(of.Code))]; {
	case of.Code == "22021" || of.Code == "22P05": // not in the repertoire, untranslatable
		return finding{}, nil
	case class == "22": // data exception, whose message quotes what was asked for
		return finding{}, &oddity{fmt.Errorf("postgres: the query fails for this user: SQLSTATE %s", of.Code)}
	case class == "42" || class == "0A": // the table or its columns are others than they were
		p.forgetColumns()
	}
	return finding{}, err
}

// readRows reads what the rows say of one user; withDomain: the user name has a domain in it. It calls stop where there
// are too many, which are not read to their end.
func readRows(rows pgx.Rows, withDomain bool, stop func()) (f finding, err error) {
	defer rows.Close()
	if err := checkColumns(rows.FieldDescriptions()); err != nil {
		return f, err
	}
	for n := 0; rows.Next(); n++ {
		if n == maxAORs {
			stop()
			return f, &oddity{fmt.Errorf("postgres: more than %d rows for a user", maxAORs)}
		}
		columns := rows.FieldDescriptions()
		if err := checkColumns(columns); err != nil {
			return f, err
		}
		values, err := rows.Values()
		if err != nil {
			return f, &oddity{err}
		}
		r := row{}
		for i, c := range columns {
			r[c.Name] = values[i]
		}
		if err := r.add(&f, withDomain); err != nil {
			return f, &oddity{err}
		}
	}
	f.known = f.is.HasMD5 || f.is.HasSHA256
	return f, rows.Err()
}

// checkColumns refuses what a query gives if none of its columns is a hash: it would make everybody unknown. What is not
// known yet, as with the simple protocol before the first row, is not refused.
func checkColumns(columns []pgconn.FieldDescription) error {
	for _, c := range columns {
		if slices.Contains(hashColumns, c.Name) {
			return nil
		}
	}
	if len(columns) == 0 {
		return nil
	}
	return &oddity{errors.New("postgres: the query has none of the columns " + strings.Join(hashColumns, ", "))}
}

// close implements source.
func (p *postgres) close() {
	p.stop()
	p.ended.Wait()
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	if p.pool.built {
		p.pool.value.Close()
	}
	p.closing.Wait()
}
