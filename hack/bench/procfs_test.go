package main

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	const tail = " S 7 1 1 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 1 0 4321 1000 10 18446744073709551615"
	for name, tt := range map[string]struct {
		line    string
		want    stat
		wantErr bool
	}{
		"plain name":                      {line: "42 (kamailio)" + tail, want: stat{pid: 42, parent: 7, state: 'S', started: 4321}},
		"spaces in the name":              {line: "42 (a b)" + tail, want: stat{pid: 42, parent: 7, state: 'S', started: 4321}},
		"a name that imitates its end":    {line: "42 (x) R 1 (y)" + tail, want: stat{pid: 42, parent: 7, state: 'S', started: 4321}},
		"no name":                         {line: "42 S 7", wantErr: true},
		"parentheses the wrong way round": {line: "42 )x(" + tail, wantErr: true},
		"cut short":                       {line: "42 (x) S 7 1", wantErr: true},
		"parent is not a number":          {line: "42 (x) S x 1 1 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 1 0 4321", wantErr: true},
		"empty":                           {wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat(tt.line)
			if (err != nil) != tt.wantErr {
				t.Fatalf("error %v, want one: %v", err, tt.wantErr)
			}
			if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(stat{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDescendantsAreFoundWhateverTheOrder(t *testing.T) {
	all := []stat{{pid: 5, parent: 4}, {pid: 4, parent: 2}, {pid: 3, parent: 2}, {pid: 9, parent: 1}, {pid: 2, parent: 1}}
	var got []int
	for _, s := range descendants(2, all) {
		got = append(got, s.pid)
	}
	if d := cmp.Diff([]int{4, 3, 5}, got); d != "" {
		t.Error(d)
	}
}

func TestParsePss(t *testing.T) {
	for name, tt := range map[string]struct {
		text    string
		want    int64
		wantErr bool
	}{
		"among others": {text: "55-7f ---p 00000000 00:00 0 [rollup]\nRss:  1000 kB\nPss:   812 kB\nPss_Dirty: 3 kB\n", want: 812 * 1024},
		"only Rss":     {text: "Rss:  1000 kB\nPss_Dirty: 3 kB\n", wantErr: true},
		"no number":    {text: "Pss: many kB\n", wantErr: true},
		"empty":        {wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parsePss([]byte(tt.text))
			if (err != nil) != tt.wantErr || got != tt.want {
				t.Errorf("got %d, error %v, want %d, error %v", got, err, tt.want, tt.wantErr)
			}
		})
	}
}

// The account of another process must agree with what that process burnt.
func TestCPUTimeGrowsWithWork(t *testing.T) {
	before, err := readUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const work = 50 * time.Millisecond
	for {
		now, err := cpuTime(os.Getpid()) // also the work
		if err != nil {
			t.Fatal(err)
		}
		if now-before.cpu >= work {
			break
		}
	}
	after, err := readUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got := after.cpu - before.cpu; got < work {
		t.Errorf("CPU grew by %v, want at least %v", got, work)
	}
	if after.memory < 1<<20 {
		t.Errorf("a Go process in %d bytes", after.memory)
	}
}

func TestUsageOfNoProcess(t *testing.T) {
	if _, err := readUsage(1 << 30); err == nil {
		t.Error("no error for a process that cannot exist")
	}
}
