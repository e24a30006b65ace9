package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

func TestRFC3261_20_17_Date(t *testing.T) {
	var d dateLine
	zone := time.FixedZone("", 2*3600)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2010, 11, 13, 23, 29, 0, 0, time.UTC), "Sat, 13 Nov 2010 23:29:00 GMT"},
		{time.Date(2010, 11, 14, 1, 29, 0, 999, zone), "Sat, 13 Nov 2010 23:29:00 GMT"},
		{time.Date(2010, 11, 14, 1, 29, 1, 0, zone), "Sat, 13 Nov 2010 23:29:01 GMT"},
		{time.Date(2010, 11, 13, 23, 29, 0, 0, time.UTC), "Sat, 13 Nov 2010 23:29:00 GMT"},
	} {
		if got := string(d.append([]byte("X: y\r\n"), c.at)); got != "X: y\r\nDate: "+c.want+"\r\n" {
			t.Errorf("%s: %q", c.at, got)
		}
	}
	at, buf := time.Now(), make([]byte, 0, 100)
	if n := testing.AllocsPerRun(100, func() { buf = d.append(buf[:0], at) }); n > 0 {
		t.Errorf("%v allocations", n)
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
