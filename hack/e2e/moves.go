//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
)

// word is something that a softphone says of a call that is up.
type word int

const (
	holds   word = iota // it has put the other on hold, who agreed
	resumes             // it has gone on
	onHold              // the other has put it on hold
	offHold             // the other has gone on
	moved               // whom it transferred has got through (RFC 3515 2.4.4)
)

var wordNames = map[word]string{
	holds: "holding", resumes: "going on", onHold: "on hold", offHold: "on hold no more", moved: "rid of the other",
}

// holder is a softphone that puts the other on hold, and transfers it.
type holder interface {
	end
	hold(on bool) error
	// transfer has the other call somebody, and hangs up once it has.
	transfer(user string) error
	// said is how often it has said a word.
	said(w word) int
}

var bareWords = map[word]string{
	holds: "CALL_REMOTE_SDP answer", resumes: "CALL_REMOTE_SDP answer", onHold: "CALL_REMOTE_SDP offer", offHold: "CALL_REMOTE_SDP offer",
	moved: eventClosed + " Call transfered", //nolint:misspell // as it says it
}

func (e *bareEnd) said(w word) int { return e.count(bareWords[w]) }

func (e *bareEnd) hold(on bool) error {
	return e.do(map[bool]string{true: "hold", false: "resume"}[on], "")
}

func (e *bareEnd) transfer(user string) error {
	return e.do("transfer", "sip:"+user+"@"+domain)
}

var guestWords = map[word]*regexp.Regexp{
	holds: regexp.MustCompile(`is now paused\.`), resumes: guestSound, onHold: regexp.MustCompile(`has been paused by`), offHold: guestSound,
	moved: regexp.MustCompile(`has been transfer+ed`),
}

var guestSound = regexp.MustCompile(`Media streams established`)

func (e *guestEnd) said(w word) int {
	text, _ := os.ReadFile(e.screen) // what cannot be read has nothing in it
	return len(guestWords[w].FindAll(text, -1))
}

func (e *guestEnd) hold(on bool) error {
	_, err := io.WriteString(e.stdin, map[bool]string{true: "pause\n", false: "resume\n"}[on])
	return err
}

func (e *guestEnd) transfer(user string) error {
	_, err := io.WriteString(e.stdin, "transfer sip:"+user+"@"+domain+"\n")
	return err
}

// move is a call in which both put each other on hold and go on, in turn, and one of them
// transfers the other to a third.
type move struct {
	from, to holder
	third    end
	// byCallee: who was called transfers, and the third hangs up; else it is who called, and
	// whom it transferred.
	byCallee bool
}

func (m *move) play(ctx context.Context) error {
	first, other := m.from, m.to
	if m.byCallee {
		first, other = other, first
	}
	if err := during(ctx, func() error { return m.from.dial(ctx, m.to.user()) }, up(m.from), up(m.to)); err != nil {
		return fmt.Errorf("%s calls %s: %w", m.from.user(), m.to.user(), err)
	}
	for _, pair := range [][2]holder{{first, other}, {other, first}} {
		if err := pause(ctx, pair[0], pair[1]); err != nil {
			return err
		}
	}
	if err := during(ctx, func() error { return first.transfer(m.third.user()) },
		says(first, moved), over(first), over(other), up(other), up(m.third)); err != nil {
		return fmt.Errorf("%s transfers %s to %s: %w", first.user(), other.user(), m.third.user(), err)
	}
	last := end(other)
	if m.byCallee {
		last = m.third
	}
	if err := during(ctx, func() error { return last.hangUp(ctx) }, over(other), over(m.third)); err != nil {
		return fmt.Errorf("%s transferred %s to %s, %s hangs up: %w", first.user(), other.user(), m.third.user(), last.user(), err)
	}
	return nil
}

// pause has one put the other on hold, and go on.
func pause(ctx context.Context, who, other holder) error {
	if err := during(ctx, func() error { return who.hold(true) }, says(who, holds), says(other, onHold)); err != nil {
		return fmt.Errorf("%s puts %s on hold: %w", who.user(), other.user(), err)
	}
	if err := during(ctx, func() error { return who.hold(false) }, says(who, resumes), says(other, offHold)); err != nil {
		return fmt.Errorf("%s goes on with %s: %w", who.user(), other.user(), err)
	}
	return nil
}

// moves has each softphone call each, once so that who called transfers the other, and once
// so that who was called does.
func moves(ctx context.Context, soft []holder, third end) (made int, err error) {
	for _, from := range soft {
		for _, to := range soft {
			for _, byCallee := range []bool{false, true} {
				if from == to {
					continue
				}
				m := &move{from: from, to: to, third: third, byCallee: byCallee}
				if err := m.play(ctx); err != nil {
					return made, err
				}
				made++
			}
		}
	}
	return made, nil
}

// saying is what somebody counts.
type saying struct {
	end
	what string
	n    func() int
}

func up(e end) saying {
	return saying{e, "answered", func() int { n, _ := e.tally(); return n }}
}

func over(e end) saying {
	return saying{e, "over", func() int { _, n := e.tally(); return n }}
}

func says(h holder, w word) saying {
	return saying{h, wordNames[w], func() int { return h.said(w) }}
}

// during does something, and waits until each of all has counted one more.
func during(ctx context.Context, act func() error, all ...saying) error {
	before := make([]int, len(all))
	for i, s := range all {
		before[i] = s.n()
	}
	if err := act(); err != nil {
		return err
	}
	return eventually(ctx, eventLimit, func(context.Context) error {
		for i, s := range all {
			if n := s.n() - before[i]; n != 1 {
				return fmt.Errorf("%s said %d times that it was %s", s.user(), n, s.what)
			}
		}
		return nil
	})
}
