package credentials

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// quietTime is after how long without a notification the connection is tried.
	quietTime = 10 * time.Second
	// relistenTime is the mean pause before the next connection.
	relistenTime = time.Second
)

// listen takes back what notifications of the channel name, until ctx ends. Whatever was said while nobody listened counts
// as perhaps taken back.
func (p *postgres) listen(ctx context.Context, r *remote) {
	for fault := ""; ; {
		err := p.hear(ctx, r)
		if ctx.Err() != nil {
			return
		}
		if err != nil && err.Error() != fault {
			fault = err.Error()
			r.log.Warn("notifications of the database are not heard", "channel", p.channel, "error", err)
		}
		if !pause(ctx, relistenTime) {
			return
		}
	}
}

// hear listens on a connection of its own until that breaks, or the connection string changes.
func (p *postgres) hear(ctx context.Context, r *remote) error {
	pool, err := p.pool.get()
	if err != nil {
		return err
	}
	connecting, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(connecting, "LISTEN "+pgx.Identifier{p.channel}.Sanitize()); err != nil {
		return err
	}
	r.missSome()
	r.log.Info("notifications of the database are heard", "channel", p.channel)
	for p.isCurrent(pool) {
		if err := p.wait(ctx, r, conn); err != nil {
			return err
		}
	}
	return nil
}

func (p *postgres) isCurrent(pool *pgxpool.Pool) bool {
	now, err := p.pool.get()
	return err == nil && now == pool
}

// wait takes one notification, or tries whether the connection is alive.
func (p *postgres) wait(ctx context.Context, r *remote, conn *pgx.Conn) error {
	quiet, cancel := context.WithTimeout(ctx, quietTime)
	defer cancel()
	notice, err := conn.WaitForNotification(quiet)
	var late net.Error
	switch {
	case err == nil:
		r.metrics.notices.Inc()
		r.take(notice.Payload)
		return nil
	case ctx.Err() != nil || !errors.As(err, &late) || !late.Timeout():
		return err
	}
	trying, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	return conn.Ping(trying)
}
