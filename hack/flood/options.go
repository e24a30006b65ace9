package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// options of a run.
type options struct {
	time     time.Duration
	only     []string
	quick    bool
	memory   int
	p99      time.Duration
	proxy    string
	logLevel string
	keep     bool
	attacks  []attack // that were chosen
}

// quickTime is how long an attack lasts in a short run.
const quickTime = 3 * time.Second

func newCommand() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "flood",
		Short: "Attack three proxies on this machine, and see what well-behaved phones notice",
		Long: `Runs the attacks one after another and prints a line for each:

` + describe() + `
It exits with 0 when each passes: every good request answered, 99 % of them within
100 ms, no proxy above its memory, none ended, nobody sent what it had not asked for.
Else it exits with 1, and the proxies' logs are kept in a folder that it names.
Ctrl-C ends it at any time and leaves nothing behind.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(); err != nil {
				return err
			}
			return runAll(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.time, "time", 10*time.Second, "how long each attack lasts, at least a second")
	f.StringSliceVar(&o.only, "only", nil, "attacks to run (default all)")
	f.BoolVar(&o.quick, "quick", false, fmt.Sprintf("%s an attack, and only those that a change is likely to let through again", quickTime))
	f.IntVar(&o.memory, "memory", 256, "MiB that a proxy may take")
	f.DurationVar(&o.p99, "p99", 100*time.Millisecond, "within what time 99 of 100 good requests must be answered")
	f.StringVar(&o.proxy, "proxy", "bin/sipring", "the binary to run")
	f.StringVar(&o.logLevel, "log-level", "warn", "log level of the proxies")
	f.BoolVar(&o.keep, "keep", false, "keep the logs though all passed")
	cmd.AddCommand(newAttackCommand())
	return cmd
}

// complete says which flag cannot work and why, and chooses the attacks.
func (o *options) complete() error {
	if o.quick {
		o.time = quickTime
	}
	if o.time < time.Second || o.time > 10*time.Minute {
		return errors.New("--time must be 1s to 10m")
	}
	if o.memory < 64 {
		return errors.New("--memory must be 64 or more")
	}
	for _, name := range o.only {
		a, ok := attackNamed(name)
		if !ok {
			return fmt.Errorf("--only %q is not one of %s", name, strings.Join(names(attacks), ", "))
		}
		o.attacks = append(o.attacks, a)
	}
	if len(o.only) > 0 {
		return nil
	}
	for _, a := range attacks {
		if a.quick || !o.quick {
			o.attacks = append(o.attacks, a)
		}
	}
	return nil
}

// describe lists the attacks.
func describe() string {
	var b strings.Builder
	for _, a := range attacks {
		fmt.Fprintf(&b, "  %-10s %s\n", a.name, a.about)
	}
	return b.String()
}
