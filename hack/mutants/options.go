package main

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"time"
)

// options of one run.
type options struct {
	only  *regexp.Regexp
	seeds int
	limit time.Duration // end after that; 0: no limit
	turn  int           // where in the list to begin
	list  bool
	sim   bool // no unit tests
}

// share is how long a short run takes.
const share = 4 * time.Minute

const usage = `usage: mutants [options]

Plants one fault after the other in the code that keeps registrations, says who and what is let in and sent where, or replaces keys, and prints
what noticed it: a test of the package, or the simulation after so many seeds of all its modes. Ends with status 1 if a fault was not noticed, or
does not fit the code any more.

`

func parseOptions(args []string, stderr io.Writer) (options, error) {
	fs := flag.NewFlagSet("mutants", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { fmt.Fprint(stderr, usage); fs.PrintDefaults() }
	only := fs.String("only", "", "only the faults whose name or file matches this `regexp`")
	seeds := fs.Int("seeds", 40, "seeds of each mode of the simulation before a fault has survived")
	list := fs.Bool("list", false, "list the faults, the files they are in and the packages whose tests are run")
	short := fs.Bool("short", false, fmt.Sprintf("end after about %v, and begin at another fault every day", share))
	sim := fs.Bool("sim", false, "run the simulation alone: what would it notice if there were no other tests?")
	if err := fs.Parse(args); err != nil {
		return options{}, err
	}
	if fs.NArg() > 0 {
		return options{}, fmt.Errorf("%q is no option: see -help", fs.Arg(0))
	}
	if *seeds < 1 {
		return options{}, fmt.Errorf("-seeds=%d: at least 1", *seeds)
	}
	o := options{seeds: *seeds, list: *list, sim: *sim}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return options{}, fmt.Errorf("-only: %w", err)
	}
	if *short {
		o.limit, o.turn = share, turnOf(time.Now())
	}
	return o, nil
}

// stride is how far a day's first fault is from that of the day before: what a short run reaches is seldom less.
const stride = 30

// turnOf is the fault to begin with on a day, before it is brought into the list's bounds.
func turnOf(now time.Time) int { return stride * int(now.Unix()/(24*3600)) }

// choose returns the faults to plant, in the order of the day.
func (o *options) choose(faults []fault) []fault {
	var chosen []fault
	for i := range faults {
		f := faults[(i+o.turn)%len(faults)]
		if _, simulated := f.checks(); o.sim && !simulated {
			continue
		}
		if o.only.MatchString(f.name) || o.only.MatchString(f.edits[0].file) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}
