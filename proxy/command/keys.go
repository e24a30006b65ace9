package command

import (
	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/config"
)

// Keys returns the command that prints fresh cluster keys.
func Keys() *cobra.Command {
	return &cobra.Command{
		Use:   "keys",
		Short: "Print fresh cluster keys, the content of keys.json",
		Long: `Print fresh cluster keys as JSON: the content of keys.json.

Every proxy of a cluster needs the same keys: they sign what the proxies write
into messages (Record-Route, Via) and secure the streams between them. Keep them
as secret as a private key. In Kubernetes the operator makes them.`,
		Example: "  (umask 077; sipring keys > keys.json)",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := config.NewKeys().Marshal()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
}
