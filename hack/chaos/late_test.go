package main

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// sequence publishes 40 sets, a second apart and up to 10 s late, and returns
// the epochs in the order in which they were written.
func sequence(t *testing.T, seed uint64, reorder bool) (written []int) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := newLate(rand.New(rand.NewPCG(seed, 2)), reorder, func(b []byte) error {
			epoch, err := strconv.Atoi(string(b))
			if d := time.Since(began) - time.Duration(epoch)*time.Second; d < 0 || d >= 10*time.Second {
				t.Errorf("epoch %d is published after %v", epoch, d)
			}
			written = append(written, epoch)
			return err
		}, t.Logf)
		l.delay(10 * time.Second)
		for epoch := range 40 {
			if err := l.publish(uint64(epoch), []byte(strconv.Itoa(epoch))); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second)
	})
	return written
}

func TestLateSetsAreOvertaken(t *testing.T) {
	for seed := range uint64(20) {
		got := sequence(t, seed, false)
		if !slices.IsSorted(got) || got[len(got)-1] != 39 || len(got) == 40 {
			t.Errorf("seed %d: published %v, want them in order, the last too, and not all", seed, got)
		}
	}
}

func TestLateSetsAreReorderedWhenAskedTo(t *testing.T) {
	if got := sequence(t, 1, true); slices.IsSorted(got) || len(got) != 40 {
		t.Errorf("published %v, want all, out of order", got)
	}
}

func TestSameSeedSameDelays(t *testing.T) {
	if a, b := sequence(t, 3, true), sequence(t, 3, true); !slices.Equal(a, b) {
		t.Errorf("%v and %v", a, b)
	}
}

func TestPublisherWithoutDelayAndStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		fault := errors.New("disk full")
		l := newLate(rand.New(rand.NewPCG(1, 2)), false, func([]byte) error { n++; return fault }, t.Logf)
		if err := l.publish(1, nil); !errors.Is(err, fault) || n != 1 {
			t.Errorf("written %d times: %v", n, err)
		}
		l.delay(time.Second)
		if err := l.publish(2, nil); err != nil {
			t.Error(err)
		}
		l.stop()
		time.Sleep(2 * time.Second)
		if err := l.publish(3, nil); err != nil || n != 1 {
			t.Errorf("stopped, yet written %d times: %v", n, err)
		}
	})
}
