// Package command holds the subcommands of the sipring binary that belong to
// the proxy: proxy, keys, password, version and more. Each is a constructor, so that main only
// puts them together.
package command
