// Package commandtest has a test's own program be sipring, so that a test starts real
// proxies of the code under test.
package commandtest

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/command"
)

// child in the environment makes the program sipring.
const child = "SIPRING_TEST_CHILD"

// Ran is to be asked first by TestMain. In a process that a test has started it runs
// sipring, with the proxy's command and more, to its end and returns true: nothing is left
// to do. Else it returns false, and what is started from now on is such a process.
func Ran(more ...*cobra.Command) bool {
	if os.Getenv(child) == "" {
		if err := os.Setenv(child, "1"); err != nil {
			panic(err)
		}
		return false
	}
	root := &cobra.Command{Use: "sipring", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(append(more, command.Proxy())...)
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "sipring:", err)
		os.Exit(1)
	}
	return true
}
