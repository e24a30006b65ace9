package main

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sipring/sipring/proxy/command/commandtest"
)

func TestMain(m *testing.M) {
	if commandtest.Ran(newAttackCommand()) {
		return
	}
	goleak.VerifyTestMain(m,
		// klog, which client-go brings, has a goroutine of its own.
		goleak.IgnoreAnyFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"))
}
