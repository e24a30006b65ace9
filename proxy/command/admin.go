package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/config"
)

// Bounds of a question to an admin port.
const (
	adminTime   = 5 * time.Second
	adminAnswer = 4 << 20
	adminReason = 512
)

// adminPages are what may be asked for.
var adminPages = map[string]string{"status": "/v1/status", "events": "/v1/events", "metrics": "/metrics"}

// Admin returns the command that prints what a proxy's admin port says: for who gets
// into its container or host, and not to the port.
func Admin() *cobra.Command {
	address := ""
	cmd := &cobra.Command{
		Use:   "admin status|events|metrics",
		Short: "Print what the admin port of a proxy says: its status, recent events or metrics",
		Long: `Print what the admin port of a proxy says: its status and recent events as JSON, or
its metrics. It names no subscriber. In a proxy's container it asks that proxy.`,
		Example: `  sipring admin status
  sipring admin metrics --address 192.0.2.1:9090`,
		SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || adminPages[args[0]] == "" {
				return usageError{fmt.Errorf("arguments %q; usage: %s", args, cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return askAdmin(cmd.Context(), address, adminPages[args[0]], cmd.OutOrStdout())
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	own := net.JoinHostPort(cmp.Or(os.Getenv("POD_IP"), "127.0.0.1"), strconv.Itoa(config.DefaultAdminPort))
	cmd.Flags().StringVar(&address, "address", own, "the admin port, as host:port; the host is $POD_IP by default")
	return cmd
}

// askAdmin writes a page of the admin port there to out, once it is read whole.
func askAdmin(ctx context.Context, address, path string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return usageError{fmt.Errorf("--address %q is no host:port", address)}
	}
	client := &http.Client{ // no proxy of the environment: the way ends here
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("ask the admin port: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(io.LimitReader(answer.Body, adminReason))
		return fmt.Errorf("the admin port at %s answered %s: %s", address, printable(answer.Status), printable(strings.TrimSpace(string(reason))))
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, adminAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("read what the admin port says: %w", err)
	case len(text) > adminAnswer:
		return fmt.Errorf("the admin port at %s says more than %d bytes", address, adminAnswer)
	}
	_, err = out.Write(text)
	return err
}
