// Connections measures what idle connections cost the proxy's transport: it has a
// process of its own listen, opens many connections to it over each transport, sends
// two messages over each, and prints how much the resident memory of that process has
// grown, without what the kernel holds.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/sipring/sipring/proxy/flow"
)

// mostEach is what an idle TLS connection may cost, in KiB: 10,000 in 200 MB.
const mostEach = 200e6 / 10_000 / 1024

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 10_000, "how many connections, over each transport")
	names := flag.String("transports", "TCP,TLS,WS,WSS", "over which")
	if serves() {
		return
	}
	flag.Parse()
	fmt.Printf("%-9s  %11s  %8s  %8s\n", "transport", "connections", "all, MiB", "KiB each")
	costly := false
	for name := range strings.SplitSeq(*names, ",") {
		m, err := measure(os.Args[0], transportOf(name), *n)
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		fmt.Printf("%-9s  %11d  %8.1f  %8.1f\n", name, *n, float64(m.resident)/(1<<20), m.each/1024)
		costly = costly || m.each/1024 > mostEach
	}
	if costly {
		log.Fatalf("one costs more than %.1f KiB", mostEach)
	}
}

// asServer is set to a transport in the environment of the process that is measured.
const asServer = "CONNECTIONS_SERVE"

// serves listens, if this is that process.
func serves() bool {
	name := os.Getenv(asServer)
	if name == "" {
		return false
	}
	if err := listen(transportOf(name)); err != nil {
		log.Fatal(err)
	}
	return true
}

func transportOf(name string) flow.Transport {
	for t := range flow.Transports {
		if t.Reliable() && t.String() == name {
			return t
		}
	}
	log.Fatalf("%q is no transport of connections", name)
	return 0
}
