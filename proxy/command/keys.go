package command

import (
	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/config"
)

// Keys returns the command that prints cluster keys: fresh ones, or the next step
// of a rotation.
func Keys() *cobra.Command {
	var add, promote, retire string
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Print cluster keys, the content of keys.json",
		Long: `Print cluster keys as JSON: the content of keys.json. Without a flag, fresh ones.

Every proxy of a cluster needs the same keys: they sign what the proxies write
into messages (Record-Route, Via) and secure the streams between them. Keep them
as secret as a private key: a proxy refuses a file that others can read. In
Kubernetes the operator makes them.

The first key signs, all verify. To rotate them while the proxies run: add a key,
have it sign, retire the old one, and give every proxy the file after each step
before you make the next. The metric sipring_proxy_keys tells who has it.`,
		Example: `  (umask 077; sipring keys > keys.json)
  (umask 077; sipring keys --add keys.json > next.json) && mv next.json keys.json
  (umask 077; sipring keys --promote keys.json > next.json) && mv next.json keys.json
  (umask 077; sipring keys --retire keys.json > next.json) && mv next.json keys.json`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys, err := nextKeys(add, promote, retire)
			if err != nil {
				return err
			}
			b, err := keys.Marshal()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&add, "add", "", "the keys of this file and a fresh one, which only verifies")
	f.StringVar(&promote, "promote", "", "the keys of this file, the last of which signs")
	f.StringVar(&retire, "retire", "", "of the keys of this file the one that signs, alone")
	cmd.MarkFlagsMutuallyExclusive("add", "promote", "retire")
	return cmd
}

// nextKeys makes one step from the file that is named, or begins.
func nextKeys(add, promote, retire string) (*config.Keys, error) {
	for path, step := range map[string]func(*config.Keys) (*config.Keys, error){
		add: (*config.Keys).Added, promote: (*config.Keys).Promoted, retire: (*config.Keys).Retired,
	} {
		if path == "" {
			continue
		}
		keys, err := readKeys(path)
		if err != nil {
			return nil, err
		}
		return step(keys)
	}
	return config.NewKeys(), nil
}
