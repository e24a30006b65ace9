//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipring/sipring/demo/phones"
)

// watching is an env whose evidence is kept in the folder logs, by save.
func watching(t *testing.T, save func(dir string) error) (e *env, logs string, out *bytes.Buffer) {
	t.Helper()
	logs, out = filepath.Join(t.TempDir(), "logs"), &bytes.Buffer{}
	e = newEnv(&options{logs: logs}, out)
	e.stage.evidence = &evidence{stage: e.stage, save: func(_ context.Context, dir string, of *proxies) error {
		if of != e.proxies {
			t.Error("what is kept is not of the proxies that lost it")
		}
		return save(dir)
	}}
	return e, logs, out
}

func folders(t *testing.T, logs string) (names []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(logs, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		names = append(names, filepath.Base(path))
	}
	return names
}

// A case's first loss is kept and named, with what was lost; what follows from it, and what
// is no loss, is not.
func TestTheFirstLossOfACaseIsKept(t *testing.T) {
	saved := 0
	e, logs, out := watching(t, func(string) error { saved++; return nil })
	good, bad := phones.Outcome{OK: 3, Of: 3}, phones.Outcome{OK: 2, Of: 3, Errors: []string{"BYE 7 is not answered"}}
	e.stage.evidence.begin("rolling update, run 2 of 30")
	e.notice(t.Context(), "BYEs", good)
	if names := folders(t, logs); len(names) > 0 || saved > 0 {
		t.Errorf("kept %v of no loss", names)
	}
	e.notice(t.Context(), "BYEs", good, bad)
	e.notice(t.Context(), "BYEs", bad)
	names := folders(t, logs)
	if want := "lost-1-rolling-update--run-2-of-30"; len(names) != 1 || names[0] != want || saved != 1 {
		t.Fatalf("kept %v, %d times, want %s once", names, saved, want)
	}
	text, err := os.ReadFile(filepath.Join(logs, names[0], "lost.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"rolling update, run 2 of 30", "BYEs: 2/3", "BYE 7 is not answered"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if dir := filepath.Join(logs, names[0]); !strings.Contains(out.String(), dir) {
		t.Errorf("%s is not named in:\n%s", dir, out)
	}
}

// A run in which every case loses something keeps few folders, and says what it leaves out.
func TestEvidenceIsBounded(t *testing.T) {
	saved := 0
	e, logs, out := watching(t, func(string) error { saved++; return errors.New("node2: no such machine") })
	for range maxEvidence + 2 {
		e.stage.evidence.begin("cut")
		e.stage.evidence.lost(t.Context(), e.proxies, "a call")
	}
	if names := folders(t, logs); len(names) != maxEvidence || saved != maxEvidence {
		t.Errorf("kept %v, %d times, want %d", names, saved, maxEvidence)
	}
	for _, want := range []string{"no more is kept", "not all there: node2: no such machine"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	path := filepath.Join(t.TempDir(), "log")
	if err := writeBounded(path, bytes.Repeat([]byte("x"), evidenceSize+17)); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if more := "\n... and 17 bytes more\n"; len(raw) != evidenceSize+len(more) || !strings.HasSuffix(string(raw), more) {
		t.Errorf("%d bytes, ending in %q", len(raw), raw[len(raw)-40:])
	}
}

// Nothing is kept of a run that is interrupted: all it has is lost then.
func TestAnInterruptionIsNoLoss(t *testing.T) {
	e, logs, _ := watching(t, func(string) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e.stage.evidence.begin("cut")
	e.notice(ctx, "called", phones.Outcome{Of: 1})
	if names := folders(t, logs); len(names) > 0 {
		t.Errorf("kept %v", names)
	}
}
