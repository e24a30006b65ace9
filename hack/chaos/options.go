package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// options of a run.
type options struct {
	time     time.Duration
	members  int
	replicas []int
	down     int
	kinds    []string
	late     time.Duration
	reorder  bool
	phones   int
	rate     int
	patience time.Duration
	seed     uint64
	proxy    string
	logLevel string
	keep     bool
}

func newCommand() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Kill, stop and restart proxies on this machine for minutes, and count what phones and callers lose",
		Long: `Runs once for each number of replicas, and prints what was lost, had returned, was
stale or unanswered, by kind of fault. It exits with 0 when all are 0, else with 1;
then the proxies' logs, the faults and the incidents are kept in a folder that it
names. Ctrl-C ends it at any time and leaves nothing behind.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return runAll(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.time, "time", 5*time.Minute, "how long faults go on, for each number of replicas")
	f.IntVar(&o.members, "members", 5, "proxies, 2 to 20")
	f.IntSliceVar(&o.replicas, "replicas", []int{2, 3}, "members that hold each binding; one run for each")
	f.IntVar(&o.down, "down", 0, "members that are disturbed at a time (default replicas - 1)")
	f.StringSliceVar(&o.kinds, "kinds", []string{kindKill, kindStop, kindRestart}, "faults to choose from")
	f.DurationVar(&o.late, "late", 10*time.Second, "how late a member set is published at most")
	f.BoolVar(&o.reorder, "reorder", false, "let an older member set be published after a newer one")
	f.IntVar(&o.phones, "phones", 200, "addresses-of-record")
	f.IntVar(&o.rate, "rate", 100, "requests a second")
	f.DurationVar(&o.patience, "patience", 8*time.Second, "how long a request may take, repetitions included")
	f.Uint64Var(&o.seed, "seed", 1, "of the schedule")
	f.StringVar(&o.proxy, "proxy", "bin/sipring", "the binary to run")
	f.StringVar(&o.logLevel, "log-level", "info", "log level of the proxies")
	f.BoolVar(&o.keep, "keep", false, "keep the logs though nothing was lost")
	return cmd
}

// validate says which flag cannot work and why.
func (o *options) validate() error {
	switch {
	case o.time <= 0:
		return errors.New("--time must be above 0")
	case o.members < 2 || o.members > 20:
		return errors.New("--members must be 2 to 20")
	case o.down < 0 || o.down >= o.members:
		return errors.New("--down must be less than --members: somebody must answer")
	case o.phones < 1 || o.phones > 10000:
		return errors.New("--phones must be 1 to 10000")
	case o.rate < 1 || o.rate > 2000:
		return errors.New("--rate must be 1 to 2000")
	case o.patience < time.Second:
		return errors.New("--patience must be a second or more")
	case o.late < 0:
		return errors.New("--late must not be negative")
	case len(o.replicas) == 0:
		return errors.New("--replicas needs a number")
	}
	for _, r := range o.replicas {
		if r < 1 || r > 5 || o.downOf(r) >= o.members {
			return fmt.Errorf("--replicas %d must be 1 to 5, and fewer members down than there are", r)
		}
	}
	known := []string{kindKill, kindStop, kindRestart}
	for _, k := range o.kinds {
		if !slices.Contains(known, k) {
			return fmt.Errorf("--kinds %q is not one of %s", k, strings.Join(known, ", "))
		}
	}
	if len(o.kinds) == 0 {
		return errors.New("--kinds needs a fault")
	}
	return nil
}

// downOf is how many members are disturbed at a time with r replicas.
func (o *options) downOf(r int) int {
	if o.down > 0 {
		return o.down
	}
	return max(1, r-1)
}
