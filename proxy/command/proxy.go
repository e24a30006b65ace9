package command

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/config"
)

// options are the flags of `sipring proxy`.
type options struct {
	config, members, keys, trust, configMap string
	name, address, sipAddress               string
	podAddresses                            string // $POD_IPS
	controlSocket                           string
	check                                   bool
}

// Proxy returns the command that runs one proxy.
func Proxy() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "proxy",
		Short: "Run one SIP proxy and registrar of a cluster",
		Long: `Run one SIP proxy and registrar of a cluster.

The configuration (--config) is the same on every member. The member set
(--members, or --configmap in Kubernetes) lists the members with their addresses.
A proxy finds itself there by its name and waits until it is listed.

Both are followed while the proxy runs, and so are the keys (--keys), which nobody
but the proxy and root may be able to read, and --trust. That is how members join and leave. Of the
configuration, domains, aliases, advertise (of listeners too), egress, authentication, tokenHours,
logLevel, drainSeconds and the times of registrar change at once; the rest waits for the next start, and the log says so.
What is invalid is ignored and logged.

A field of the configuration that this version does not know has no effect, and the
log says so: a later version may know it. --check, before a start, takes it for an
error.

The first SIGTERM or interrupt hands everything over to the other members and
ends what was begun, the calls of the application beside it too, for at most
drainSeconds; a second one exits at once. "sipring drain" does that without an end.`,
		Example: `  # one proxy on this machine
  cat > config.yaml <<END
  cluster: demo
  domains: [example.com]
  END
  cat > members.json <<END
  {"epoch": 1, "members": [{"id": 1, "name": "one", "address": "127.0.0.1", "state": "active"}]}
  END
  sipring proxy --config config.yaml --members members.json --name one`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.check {
				return o.checkFiles()
			}
			p, err := o.prepare()
			if err != nil {
				return err
			}
			return p.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file, YAML or JSON, followed")
	f.StringVar(&o.members, "members", "", "member set file (members.json), followed")
	f.StringVar(&o.configMap, "configmap", "", "NAMESPACE/NAME of the ConfigMap with the member set, followed through the Kubernetes API; --members is its mounted copy")
	f.StringVar(&o.keys, "keys", "", "cluster keys (keys.json), followed; needed as soon as there are several members")
	f.StringVar(&o.trust, "trust", "", "whose member sets to believe (trust.json), followed; without it, whatever --members or --configmap says")
	f.StringVar(&o.name, "name", "", "this member's name in the member set (default $POD_NAME, or the host name)")
	f.StringVar(&o.address, "address", "", "this member's IP address (default $POD_IP, or what the member set says)")
	f.StringVar(&o.sipAddress, "sip-address", "", "IP address to receive SIP at, which other proxies on this host may share (default --address, and what $POD_IPS has of the other family)")
	f.StringVar(&o.controlSocket, "control-socket", "", "Unix socket at which `sipring where` and the like ask this proxy (default controlSocket of the configuration)")
	f.BoolVar(&o.check, "check", false, "say what is wrong with the files that are given, misspelt fields of the configuration among it, and end")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// prepare reads the files and says what is missing before anything starts.
func (o *options) prepare() (*proxy, error) {
	if o.members == "" && o.configMap == "" {
		return nil, errors.New("no member set: give --members FILE or --configmap NAMESPACE/NAME")
	}
	c, err := o.readConfig()
	if err != nil {
		return nil, err
	}
	level, err := c.Level()
	if err != nil {
		return nil, err
	}
	if o.name == "" {
		if o.name, err = defaultName(); err != nil {
			return nil, err
		}
	}
	if o.address == "" {
		o.address = os.Getenv("POD_IP")
		o.podAddresses = os.Getenv("POD_IPS")
	}
	p := &proxy{options: *o, departure: newDeparture()}
	p.metrics = newMetrics(p)
	if o.keys != "" {
		keys, err := readKeys(o.keys)
		if err != nil {
			return nil, err
		}
		p.putKeys(keys)
	}
	if o.trust != "" {
		trust, err := readTrust(o.trust)
		if err != nil {
			return nil, err
		}
		p.trust.Store(trust)
	}
	p.config.Store(c)
	p.level.Set(level)
	p.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: &p.level}))
	if o.configMap != "" {
		var ok bool
		if p.namespace, p.configMap, ok = strings.Cut(o.configMap, "/"); !ok || p.namespace == "" || p.configMap == "" {
			return nil, fmt.Errorf("--configmap %q is not NAMESPACE/NAME", o.configMap)
		}
	}
	return p, nil
}

func (o *options) readConfig() (*config.Config, error) {
	b, err := os.ReadFile(o.config)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := config.ParseConfig(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.config, err)
	}
	return c, nil
}

// checkFiles says what is wrong with the files, and takes nothing that is not known.
func (o *options) checkFiles() error {
	var errs []error
	if c, err := o.readConfig(); err != nil {
		errs = append(errs, err)
	} else if len(c.Unknown) > 0 {
		errs = append(errs, fmt.Errorf("%s: unknown fields: %s", o.config, strings.Join(c.Unknown, ", ")))
	}
	if o.keys != "" {
		_, err := readKeys(o.keys)
		errs = append(errs, err)
	}
	var trust *config.Trust
	if o.trust != "" {
		var err error
		trust, err = readTrust(o.trust)
		errs = append(errs, err)
	}
	if o.members != "" {
		errs = append(errs, checkMembers(o.members, trust))
	}
	return errors.Join(errs...)
}

func checkMembers(file string, trust *config.Trust) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read member set: %w", err)
	}
	parse := config.ParseMemberSet
	if trust != nil {
		parse = trust.ParseMemberSet
	}
	if _, err := parse(b); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func defaultName() (string, error) {
	if n := os.Getenv("POD_NAME"); n != "" {
		return n, nil
	}
	n, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("no --name, no $POD_NAME and no host name: %w", err)
	}
	return n, nil
}
