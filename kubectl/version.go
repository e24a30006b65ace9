package kubectl

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (p *plugin) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this plugin; those of the proxies are in `status -o wide`",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "kubectl-sip %s %s %s/%s\n", p.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
