package browser

import (
	"fmt"
	"os"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/command"
)

// child in the environment makes the test binary what the tests start: sipring.
const child = "SIPRING_BROWSER_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		root := &cobra.Command{Use: "sipring", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(command.Proxy())
		if err := root.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, "sipring:", err)
			os.Exit(1)
		}
		return
	}
	if err := os.Setenv(child, "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
