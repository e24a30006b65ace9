package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"github.com/sipring/sipring/proxy/command"
)

// child in the environment makes the test binary what a run starts: sipring, or
// an attacker.
const child = "SIPRING_FLOOD_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		root := &cobra.Command{Use: "sipring", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(command.Proxy(), newAttackCommand())
		if err := root.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, "sipring:", err)
			os.Exit(1)
		}
		return
	}
	if err := os.Setenv(child, "1"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m,
		// klog, which client-go brings, has a goroutine of its own.
		goleak.IgnoreAnyFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"))
}
