package peer

import "time"

// watch is the stream's clock: it sends a ping every beat and breaks the
// stream when nothing was read for the silence bound. It is not the writer,
// which a peer that takes nothing holds up.
func (s *stream) watch() {
	beat := heartbeat // so that a peer hears soon how long it may wait
	timer := time.NewTimer(untilNext(beat))
	defer timer.Stop()
	p := pulse{lastRead: time.Now(), lastLook: time.Now()}
	for {
		select {
		case <-s.done:
			return
		case now := <-timer.C:
			if p.quiet(now, s.reads.Load(), beat) > silenceFor(s.theirBeat()) {
				s.fail(errSilence)
				return
			}
			beat = s.ourBeat()
			timer.Reset(untilNext(beat))
			s.ping(beat)
		}
	}
}

// pulse measures a peer's silence.
type pulse struct {
	reads              int64
	lastRead, lastLook time.Time
}

// quiet is for how long nothing was read, at a look that comes every interval. A
// look that is late counts for two: what a stopped process did not hear was no
// silence of its peers'.
func (p *pulse) quiet(now time.Time, reads int64, every time.Duration) time.Duration {
	if late := now.Sub(p.lastLook) - 2*every; late > 0 {
		p.lastRead = p.lastRead.Add(late)
	}
	p.lastLook = now
	if reads != p.reads {
		p.reads, p.lastRead = reads, now
	}
	return now.Sub(p.lastRead)
}

// untilNext is how long it is until the time is a multiple of the interval.
// What is done at such times is done in one wake-up, for all streams of a
// member, and where clocks agree the peers' pings arrive in it too.
func untilNext(interval time.Duration) time.Duration {
	return interval - time.Duration(time.Now().UnixNano())%interval
}
