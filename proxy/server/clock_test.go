package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

func TestRFC3261_20_17_Date(t *testing.T) {
	var c clock
	zone := time.FixedZone("", 2*3600)
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2010, 11, 13, 23, 29, 0, 0, time.UTC), "Sat, 13 Nov 2010 23:29:00 GMT"},
		{time.Date(2010, 11, 14, 1, 29, 0, 999, zone), "Sat, 13 Nov 2010 23:29:00 GMT"},
		{time.Date(2010, 11, 14, 1, 29, 1, 0, zone), "Sat, 13 Nov 2010 23:29:01 GMT"},
		{time.Date(2010, 11, 13, 23, 29, 0, 0, time.UTC), "Sat, 13 Nov 2010 23:29:00 GMT"},
	} {
		d := c.read(0, tt.at)
		if got := string(d.date); got != "Date: "+tt.want+"\r\n" || d.hour != token.Hour(tt.at.Unix()) {
			t.Errorf("%s: %q, hour %d", tt.at, got, d.hour)
		}
	}
	day := c.day(0)
	for _, now := range []int64{1, dayMillis - 1} {
		if c.day(now) != day {
			t.Errorf("read anew after %d ms", now)
		}
	}
	if c.day(dayMillis) == day {
		t.Error("never read anew")
	}
}

func TestRFC3261_10_3_DateInTheAnswerToARegister(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	r := newPhone(t, "bob").register(x)
	before := time.Now().Add(-time.Minute)
	date, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", r.value(wire.HeaderDate))
	if err != nil || date.Before(before) || date.After(time.Now()) {
		t.Errorf("Date %q: %v", r.value(wire.HeaderDate), err)
	}
}
