//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/hack/kube/cluster"
	"github.com/sipring/sipring/hack/kube/image"
)

func imageCommand() *cobra.Command {
	var (
		i     image.Image
		out   string
		files []string
	)
	cmd := &cobra.Command{
		Use:   "image --name NAME:TAG --binary PATH --out FILE.tar",
		Short: "Write a container image around one static binary",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			i.Files = map[string]string{}
			for _, file := range files {
				source, target, ok := strings.Cut(file, ":")
				if !ok {
					return fmt.Errorf("file %q: want SOURCE:TARGET", file)
				}
				i.Files[target] = source
			}
			return image.Write(out, i)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&i.Name, "name", "", "reference with tag that pods use")
	flags.StringVar(&i.Binary, "binary", "", "static Linux binary, the entry point")
	flags.StringSliceVar(&i.Args, "arg", nil, "argument when the pod gives none (repeatable)")
	flags.StringVar(&i.User, "user", image.NonRoot, "user, or user:group, by number")
	flags.StringSliceVar(&files, "file", nil, "SOURCE:TARGET, a file to add (repeatable)")
	flags.StringVar(&out, "out", "", "tar to write")
	for _, name := range []string{"name", "binary", "out"} {
		cobra.CheckErr(cmd.MarkFlagRequired(name))
	}
	return cmd
}

func loadCommand(state *string) *cobra.Command {
	return &cobra.Command{
		Use:   "load FILE.tar...",
		Short: "Import images on every node",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			c, err := cluster.Open(*state)
			if err != nil {
				return err
			}
			for _, path := range paths {
				if err := c.LoadImage(cmd.Context(), path); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
