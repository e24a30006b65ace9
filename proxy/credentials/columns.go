package credentials

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// hashColumns are those that the table of subscribers may have: ha1 and ha1b as Kamailio has them and OpenSIPS had them,
// ha1_sha256 as OpenSIPS has it since RFC 8760.
var hashColumns = []string{"ha1", "ha1b", "ha1_sha256", "ha1b_sha256"}

// sql is the query: the configured one, or one for the columns that the table has.
func (p *postgres) sql(ctx context.Context, pool *pgxpool.Pool) (string, error) {
	if p.query != "" {
		return p.query, nil
	}
	p.mu.Lock()
	found, fresh := p.found, p.foundIn == pool && time.Since(p.foundWhen) < columnsLife
	p.mu.Unlock()
	if fresh {
		return found, nil
	}
	found, err := findColumns(ctx, pool)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found, p.foundIn, p.foundWhen = found, pool, time.Now()
	return found, nil
}

func (p *postgres) forgetColumns() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.foundIn = nil
}

// findColumns asks for the columns of the table, and returns the query for those that there are.
func findColumns(ctx context.Context, pool *pgxpool.Pool) (string, error) {
	rows, err := pool.Query(ctx, "SELECT * FROM subscriber LIMIT 0")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	rows.Next() // with the simple protocol the columns are known after this
	var all []string
	for _, d := range rows.FieldDescriptions() {
		all = append(all, d.Name)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return "", err
	}
	return subscriberQuery(all)
}

// subscriberQuery is the query for a table of these columns. The row of the domain goes before one without a domain.
func subscriberQuery(columns []string) (string, error) {
	var hashes []string
	for _, c := range hashColumns {
		if slices.Contains(columns, c) {
			hashes = append(hashes, c)
		}
	}
	if len(hashes) == 0 || !slices.Contains(columns, "username") {
		return "", errors.New("postgres: the table subscriber has no column username, or none of " + strings.Join(hashColumns, ", "))
	}
	sql := "SELECT " + strings.Join(hashes, ", ") + " FROM subscriber WHERE username = $1 AND "
	if !slices.Contains(columns, "domain") {
		return sql + "$2 <> '' LIMIT 1", nil
	}
	return sql + "domain IN ($2, '') ORDER BY domain = '' LIMIT 1", nil
}
