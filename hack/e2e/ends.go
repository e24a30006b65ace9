//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync/atomic"

	"github.com/sipring/sipring/demo/phones"
)

// end is one that calls and is called, whoever wrote it. It is in one call at a time.
type end interface {
	user() string
	// dial calls somebody; it may return before that is answered.
	dial(ctx context.Context, user string) error
	hangUp(ctx context.Context) error
	// tally is how many calls it has been in, and how many of them are over, by its own
	// word.
	tally() (up, over int)
}

// converse has one call another, and one of them hang up. Both say that they were in the
// call, and that it is over.
func converse(ctx context.Context, from, to end, byCallee bool) error {
	up := oneMore(from, to, func(e end) int { n, _ := e.tally(); return n })
	over := oneMore(from, to, func(e end) int { _, n := e.tally(); return n })
	if err := from.dial(ctx, to.user()); err != nil {
		return fmt.Errorf("%s calls %s: %w", from.user(), to.user(), err)
	}
	if err := up(ctx); err != nil {
		return fmt.Errorf("%s calls %s, not up: %w", from.user(), to.user(), err)
	}
	hangs := from
	if byCallee {
		hangs = to
	}
	if err := hangs.hangUp(ctx); err != nil {
		return fmt.Errorf("%s calls %s, %s hangs up: %w", from.user(), to.user(), hangs.user(), err)
	}
	if err := over(ctx); err != nil {
		return fmt.Errorf("%s calls %s, hung up by %s, not over: %w", from.user(), to.user(), hangs.user(), err)
	}
	return nil
}

// oneMore returns what waits until both count one more than now.
func oneMore(a, b end, count func(end) int) func(context.Context) error {
	atA, atB := count(a), count(b)
	return func(ctx context.Context) error {
		return eventually(ctx, eventLimit, func(context.Context) error {
			if n, m := count(a)-atA, count(b)-atB; n != 1 || m != 1 {
				return fmt.Errorf("%s tells of %d, %s of %d", a.user(), n, b.user(), m)
			}
			return nil
		})
	}
}

// phoneEnd is a simulated phone.
type phoneEnd struct {
	phone       *phones.Phone
	call        *phones.Call // that it made last
	made, ended atomic.Int64 // by itself
}

func (e *phoneEnd) user() string { return e.phone.User() }

func (e *phoneEnd) dial(ctx context.Context, user string) (err error) {
	if e.call, err = e.phone.Dial(ctx, user); err == nil {
		e.made.Add(1)
	}
	return err
}

func (e *phoneEnd) hangUp(ctx context.Context) error {
	err := e.bye(ctx)
	if err == nil {
		e.ended.Add(1)
	}
	return err
}

func (e *phoneEnd) bye(ctx context.Context) error {
	if e.call != nil {
		select {
		case <-e.call.Ended:
		default:
			return e.call.Bye(ctx)
		}
	}
	in := e.phone.Calls()
	if len(in) != 1 {
		return fmt.Errorf("%s is in %d calls", e.user(), len(in))
	}
	return e.phone.HangUp(ctx, in[0])
}

func (e *phoneEnd) tally() (up, over int) {
	return int(e.phone.Answered.Load() + e.made.Load()), int(e.phone.Hungup.Load() + e.ended.Load())
}

// softEnd is a softphone with a connection.
type softEnd interface {
	holder
	pid() int
	transport() string
}

// bareEnd is a baresip.
type bareEnd struct {
	*baresip
	line bareLine
}

func (e *bareEnd) user() string { return e.line.user }

func (e *bareEnd) transport() string { return e.line.transport }

func (e *bareEnd) pid() int { return e.cmd.Process.Pid }

func (e *bareEnd) dial(_ context.Context, user string) error {
	return e.do("dial", "sip:"+user+"@"+domain)
}

func (e *bareEnd) hangUp(context.Context) error { return e.do("hangup", "") }

func (e *bareEnd) tally() (up, over int) { return e.count(eventEstablished), e.count(eventClosed) }

// guestEnd is a linphone.
type guestEnd struct {
	*linphone
	line guestLine
}

func (e *guestEnd) user() string { return guest }

func (e *guestEnd) transport() string { return e.line.transport }

func (e *guestEnd) pid() int { return e.cmd.Process.Pid }

func (e *guestEnd) dial(_ context.Context, user string) error {
	_, err := io.WriteString(e.stdin, "call sip:"+user+"@"+domain+"\n")
	return err
}

func (e *guestEnd) hangUp(context.Context) error {
	_, err := io.WriteString(e.stdin, "terminate\n")
	return err
}

// What linphone writes on its screen.
var (
	guestUp   = regexp.MustCompile(`Call \d+ with [^\n]* connected\.`)
	guestOver = regexp.MustCompile(`Call \d+ with [^\n]* ended \(`)
)

func (e *guestEnd) tally() (up, over int) {
	said, _ := os.ReadFile(e.screen) // what cannot be read has nothing in it
	return len(guestUp.FindAll(said, -1)), len(guestOver.FindAll(said, -1))
}

var errNoConnection = errors.New("it has no connection to the cluster")
