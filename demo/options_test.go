package demo

import (
	"bytes"
	"strings"
	"testing"
)

func TestFlagsThatCannotWork(t *testing.T) {
	for args, want := range map[string]string{
		"--proxies 1":                  "--proxies must be 2 to 20",
		"--proxies 21":                 "--proxies must be 2 to 20",
		"--calls 0":                    "--calls at least 1",
		"--phones 99 --calls 50":       "--phones must be at least twice --calls",
		"--phones 5001":                "--phones must be at most 5000",
		"--network 10.0.0.0":           `--network "10.0.0.0" is not a loopback IPv4 address`,
		"--network ::1":                `--network "::1" is not a loopback IPv4 address`,
		"--network localhost":          `--network "localhost" is not a loopback IPv4 address`,
		"--page 8080":                  `--page "8080" is not HOST:PORT`,
		"--keep -1s":                   "--keep must not be negative",
		"--patience 0s":                "--patience must be above 0",
		"--log-level loud":             `--log-level "loud" is not debug, info, warn or error`,
		"--transports udp,sctp":        `"sctp" is not udp, tcp, tls or wss`,
		"--phones many":                `invalid argument "many"`,
		"--nothing":                    "unknown flag: --nothing",
		"now":                          `unknown command "now"`,
		"--network 127.0.0.0 --keep x": `invalid argument "x"`,
	} {
		t.Run(args, func(t *testing.T) {
			var out bytes.Buffer
			cmd := NewCommand()
			cmd.SetArgs(strings.Fields(args))
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			err := cmd.Execute()
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			if strings.Contains(out.String(), "proxies and") {
				t.Errorf("it started all the same:\n%s", out.String())
			}
		})
	}
}

func TestFlagsAtTheirLimitsWork(t *testing.T) {
	for name, change := range map[string]func(*options){
		"no page": func(o *options) { o.page = "" }, "network": func(o *options) { o.network = "127.0.0.0" },
		"most proxies": func(o *options) { o.proxies = 20 }, "fewest proxies": func(o *options) { o.proxies = 2 },
		"most phones": func(o *options) { o.phones, o.calls = 5000, 2500 }, "one call": func(o *options) { o.phones, o.calls = 2, 1 },
		"log level": func(o *options) { o.logLevel = "debug" }, "defaults": func(*options) {},
	} {
		o := &options{proxies: 3, phones: 300, calls: 50, patience: 1, page: "127.0.0.1:0", logLevel: "info"}
		change(o)
		if err := o.validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
