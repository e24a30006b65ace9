package memberset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rename replaces the file in one step.
func rename(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// mount changes a directory as the kubelet changes a mounted ConfigMap: the
// file is a link through ..data, which is renamed to another directory.
func mount(t *testing.T, path, version, text string) {
	t.Helper()
	dir := filepath.Dir(path)
	write(t, filepath.Join(dir, version, filepath.Base(path)), text)
	if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		if err := os.Symlink(filepath.Join("..data", filepath.Base(path)), path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFollowTakesWhatWasRefusedOnceItIsNot: that a file may be read now is news,
// though its content is what it was.
func TestFollowTakesWhatWasRefusedOnceItIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	write(t, path, "keys")
	var refuse atomic.Bool
	refuse.Store(true)
	got := make(chan string, 8)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		follow(ctx, path, time.Millisecond, func(path string) ([]byte, error) {
			if refuse.Load() {
				return nil, errors.New("for all to read")
			}
			return read(path)
		}, func(content []byte, err error) { got <- string(content) + fmt.Sprint(err) })
	}()
	for _, want := range []string{"for all to read", "keys<nil>"} {
		if g := <-got; g != want {
			t.Errorf("told %q, want %q", g, want)
		}
		refuse.Store(false)
	}
	cancel()
	<-ended
	if len(got) > 0 {
		t.Errorf("told %q beyond", <-got)
	}
}

// noPoll proves that the notices alone do.
func noPoll(path string) *File {
	f := NewFile(path, nil, nil)
	f.poll = time.Hour
	return f
}

func TestFileNoticesChanges(t *testing.T) {
	for rule, change := range map[string]func(t *testing.T, path string, step int, text string){
		"the file is renamed over": func(t *testing.T, path string, _ int, text string) { rename(t, path, text) },
		"the mounted ConfigMap is swapped": func(t *testing.T, path string, step int, text string) {
			mount(t, path, "..version-"+string(rune('a'+step)), text)
		},
		"the file is written in place": func(t *testing.T, path string, _ int, text string) { write(t, path, text) },
	} {
		t.Run(rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), config.MembersKey)
			change(t, path, 0, content(1, "a"))
			applied := run(t, noPoll(path))
			wantEpoch(t, applied, 1)
			for step := 1; step < 5; step++ {
				change(t, path, step, content(uint64(step)+1, "a"))
				wantEpoch(t, applied, uint64(step)+1)
			}
		})
	}
}

func TestFileAppearsLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), config.MembersKey)
	log := &journal{}
	f := NewFile(path, nil, log.logger())
	f.poll = time.Hour
	applied := run(t, f)
	until(t, "the missing file is reported", func() bool { return log.count("unreadable") == 1 })
	rename(t, path, content(1, "a"))
	wantEpoch(t, applied, 1)
	if c := f.Counters(); c.Invalid != 0 {
		t.Errorf("a file not there yet counts as invalid: %+v", c)
	}
}

func TestFilePollHelpsWhereNoticesDoNot(t *testing.T) {
	t.Run("the directory appears later and is noticed from then on", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "later", config.MembersKey)
		f := NewFile(path, nil, nil)
		f.poll = 5 * time.Millisecond
		applied := run(t, f)
		rename(t, path, content(1, "a"))
		wantEpoch(t, applied, 1)
		rename(t, path, content(2, "a"))
		wantEpoch(t, applied, 2)
	})
	t.Run("the directory is replaced", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "members")
		path := filepath.Join(dir, config.MembersKey)
		write(t, path, content(1, "a"))
		f := NewFile(path, nil, nil)
		f.poll = 5 * time.Millisecond
		applied := run(t, f)
		wantEpoch(t, applied, 1)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		write(t, path, content(2, "a"))
		wantEpoch(t, applied, 2)
	})
}

func TestFileFaultsAreToldOnce(t *testing.T) {
	for rule, text := range map[string]string{
		"corrupt":  "epoch: 1",
		"too long": strings.Repeat(" ", maxContent+1),
	} {
		t.Run(rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), config.MembersKey)
			write(t, path, content(1, "a"))
			log := &journal{}
			f := NewFile(path, nil, log.logger())
			f.poll = time.Millisecond
			applied := run(t, f)
			wantEpoch(t, applied, 1)
			rename(t, path, text)
			until(t, "the fault is counted", func() bool { return f.Counters().Invalid == 1 })
			rename(t, path, content(2, "a"))
			wantEpoch(t, applied, 2)
			if n := log.count("level=WARN"); n != 1 {
				t.Errorf("%d warnings, want one", n)
			}
		})
	}
}
