//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/demo/phones"
)

const (
	postgresCase = "digest-postgres"
	// outage is for how long there is no database.
	outage = 30 * time.Second
	// hanging is for how long it answers nobody who is connected.
	hanging = 20 * time.Second
	// backLimit bounds the time until proxies have noticed that it is back.
	backLimit = 20 * time.Second
)

var (
	staffVIP   = netip.MustParseAddrPort("203.0.113.23:5060")
	databaseAt = netip.MustParseAddrPort("198.51.100.252:5432")
)

// playPostgres has a proxy die as playDigest does, with the users in a database, and then the
// database go away for a while.
func playPostgres(ctx context.Context, e *env) (results []*result, err error) {
	for _, o := range offers() {
		a := e.interviewed(o, stack{name: postgresCase, title: "SIGKILL, then no database, " + o.title, sipCluster: "staff", manifest: "hack/e2e/manifests/postgres", party: party{proxy: staffVIP}})
		results = append(results, a.result)
		if err := a.withDatabase(ctx); err != nil {
			return results, fmt.Errorf("%s: %w", a.stack.title, err)
		}
	}
	return results, nil
}

func (a *interviewed) withDatabase(ctx context.Context) (err error) {
	if a.skipped() {
		return nil
	}
	d, err := newDatabase(ctx, a.party, databaseAt)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	forget, err := a.subscribe(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, forget(context.WithoutCancel(ctx))) }()
	return a.among(ctx, func(ctx context.Context) error {
		return a.bustling(ctx, func(ctx context.Context, b *bustle) error {
			if err := a.loses(ctx, b); err != nil {
				return err
			}
			for _, how := range a.absences(d) {
				if err := a.withoutDatabase(ctx, d, b, how); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// subscribe has the users in the database, each with the algorithm that their phone knows,
// and the connection string in a Secret, which forget removes.
func (a *interviewed) subscribe(ctx context.Context, d *database) (forget func(context.Context) error, err error) {
	for i := range a.phones() {
		if err := d.add(ctx, phones.User(i), a.party.passwords[phones.User(i)], a.algorithmOf(i)); err != nil {
			return nil, err
		}
	}
	others := []string{guest, desk, newcomerUser(0), newcomerUser(1), newcomerUser(2)}
	for i := range regularUsers {
		others = append(others, regularUser(i))
	}
	for _, user := range others {
		if err := d.add(ctx, user, a.party.passwords[user], a.algorithms[0]); err != nil {
			return nil, err
		}
	}
	secrets := a.kube.cluster.Client().CoreV1().Secrets(namespace)
	_, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "database"}, Data: map[string][]byte{"uri": []byte(d.uri())},
	}, metav1.CreateOptions{})
	return func(ctx context.Context) error { return secrets.Delete(ctx, "database", metav1.DeleteOptions{}) }, err
}

// absence is a time in which the database answers nobody.
type absence struct {
	title      string // "while the database" ...
	lasts      time.Duration
	begin, end func(ctx context.Context) error
	// meanwhile, if any, happens once, and the absence lasts at least as long.
	meanwhile func(ctx context.Context) error
}

// absences are those that are played one after the other.
func (a *interviewed) absences(d *database) []absence {
	stop := func(context.Context) error { return d.stop() }
	return []absence{
		{title: "was stopped", lasts: outage, begin: stop, end: d.start},
		{
			title: "hung", lasts: hanging, end: func(context.Context) error { return d.awake() },
			begin: func(context.Context) error { return d.hang() },
		},
		{title: "was stopped and a proxy came", begin: stop, end: d.start, meanwhile: a.comes},
	}
}

// withoutDatabase has the database be away for a while. Phones that the proxies know go on, others
// get 503; when it is back, whoever is unknown gets 401 again and a new user registers.
func (a *interviewed) withoutDatabase(ctx context.Context, d *database, b *bustle, how absence) error {
	if err := b.hushed(ctx, func() error { return a.known(ctx) }); err != nil {
		return err
	}
	if err := how.begin(ctx); err != nil {
		return err
	}
	a.stage.step("the database %s, for %v at least", how.title, how.lasts)
	began := time.Now()
	if how.meanwhile != nil {
		if err := how.meanwhile(ctx); err != nil {
			return err
		}
	}
	var unknown, wrong phones.Outcome
	for i := 0; i == 0 || time.Since(began) < how.lasts; i++ {
		for pod, to := range a.spread.own {
			user := fmt.Sprintf("stranger%d", i)
			err := a.register(ctx, user, "secret", to)
			unknown.Count(want(sip.StatusServiceUnavailable, phones.Status(err), err, user+" at "+pod+" while the database "+how.title))
		}
		if err := b.further(ctx, 1); err != nil {
			return err
		}
	}
	for pod, to := range a.spread.own {
		if pod == a.spread.gone {
			continue // it has come since, and knows nobody
		}
		err := a.register(ctx, phones.User(1), "wrong", to)
		wrong.Count(want(sip.StatusUnauthorized, phones.Status(err), err, "a wrong password at "+pod+" while the database "+how.title))
	}
	a.note("%v unknown users were answered 503 while the database "+how.title, unknown)
	a.note("%v wrong passwords were answered 401 while the database "+how.title, wrong)
	if err := how.end(ctx); err != nil {
		return err
	}
	a.back(ctx, d, how.title)
	a.away("")
	return b.further(ctx, 2)
}

// known has each proxy be asked for each phone.
func (a *interviewed) known(ctx context.Context) error {
	for pod, to := range a.spread.own {
		a.party.load.Through(to)
		if o := a.party.load.Register(ctx); !o.Whole() {
			return fmt.Errorf("%v phones registered at %s: %v", o, pod, o.Errors)
		}
		a.witness().SetProxy(to)
		if err := a.witness().Register(ctx, 3600); err != nil {
			return fmt.Errorf("%s: %w", pod, err)
		}
	}
	a.route()
	a.regulars.journal.anew()
	var users []string
	for user := range a.regulars.at {
		users = append(users, user)
	}
	var members []netip.Addr
	for _, at := range a.spread.own {
		members = append(members, at.Addr())
	}
	return eventually(ctx, installLimit, func(context.Context) error { return a.regulars.journal.everywhere(users, members) })
}

// back waits at each proxy until it asks the database again, which then has another user.
func (a *interviewed) back(ctx context.Context, d *database, title string) {
	began := time.Now()
	var unknown, fresh phones.Outcome
	for pod, to := range a.spread.own {
		var err error
		if e := eventually(ctx, backLimit, func(ctx context.Context) error {
			err = a.register(ctx, "stranger", "secret", to)
			if phones.Status(err) == sip.StatusServiceUnavailable {
				return err
			}
			return nil
		}); e != nil {
			err = e
		}
		unknown.Count(want(sip.StatusUnauthorized, phones.Status(err), err, "stranger at "+pod))
	}
	took := time.Since(began)
	user, password := "fresh"+rand.Text()[:8], rand.Text()
	if err := d.add(ctx, user, password, a.algorithms[0]); err != nil {
		fresh.Count(err)
	}
	for pod, to := range a.spread.own {
		err := a.register(ctx, user, password, to)
		if err != nil {
			err = fmt.Errorf("a new user at %s: %w", pod, err)
		}
		fresh.Count(err)
	}
	a.note("%v unknown users were answered 401 again "+took.Round(time.Millisecond).String()+" after the database that "+title+" was back", unknown)
	a.note("%v tries of a new user registered then", fresh)
}
