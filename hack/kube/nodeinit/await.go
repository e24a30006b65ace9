//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	tryEvery = 20 * time.Millisecond
	tryLimit = time.Second
	tryFor   = time.Minute
)

// await waits until the address, in any form that spec.Program.After takes,
// answers; for a minute at most.
func await(address string) error {
	var err error
	for deadline := time.Now().Add(tryFor); time.Now().Before(deadline); time.Sleep(tryEvery) {
		if err = ask(address); err == nil {
			return nil
		}
	}
	return err
}

func ask(address string) error {
	switch {
	case strings.HasPrefix(address, "https://"):
		return askReady(address)
	case strings.HasPrefix(address, "/"):
		return connect("unix", address)
	default:
		return connect("tcp", address)
	}
}

func connect(network, address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), tryLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func askReady(url string) error {
	client := &http.Client{
		Timeout: tryLimit,
		Transport: &http.Transport{
			// Only whether it is ready is asked; nothing is told.
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
			DisableKeepAlives: true,
		},
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
