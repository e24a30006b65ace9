// Command chartdocs writes the table of the chart's values into the chart's
// README, between the two marks, from values.schema.json and values.yaml.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	begin = "<!-- values: made from values.schema.json by make generate -->\n"
	end   = "<!-- /values -->"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: chartdocs CHART")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(chart string) error {
	schema, err := read(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		return err
	}
	values, err := read(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return err
	}
	var table strings.Builder
	table.WriteString("| value | default | what it is |\n|---|---|---|\n")
	if err := rows(&table, "", schema, values); err != nil {
		return err
	}
	page := filepath.Join(chart, "README.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return fmt.Errorf("%s has no place for the table: %s", page, begin)
	}
	return os.WriteFile(page, fmt.Appendf(nil, "%s%s%s%s%s", before, begin, table.String(), end, after), 0o644)
}

// read is the root mapping of a YAML or JSON file, in the file's order.
func read(name string) (*yaml.Node, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return doc.Content[0], nil
}

// rows writes a row for each property, in the schema's order; an object whose
// properties are described is made of theirs.
func rows(to *strings.Builder, prefix string, schema, values *yaml.Node) error {
	properties := field(schema, "properties")
	for i := 0; properties != nil && i < len(properties.Content); i += 2 {
		name, property := prefix+properties.Content[i].Value, properties.Content[i+1]
		value := field(values, properties.Content[i].Value)
		if described(field(property, "properties")) {
			if err := rows(to, name+".", property, value); err != nil {
				return err
			}
			continue
		}
		description := field(property, "description")
		if description == nil {
			return errors.New("values.schema.json: " + name + " has no description")
		}
		fmt.Fprintf(to, "| `%s` | %s | %s |\n", name, text(value), description.Value)
	}
	return nil
}

// described says that the first of the properties says what it is.
func described(properties *yaml.Node) bool {
	return properties != nil && len(properties.Content) > 1 && field(properties.Content[1], "description") != nil
}

// field is the value of a mapping's key; nil where there is none.
func field(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; mapping != nil && i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// text is a default in one line.
func text(value *yaml.Node) string {
	if value == nil {
		return ""
	}
	var v any
	if err := value.Decode(&v); err != nil {
		return ""
	}
	line, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return "`" + string(line) + "`"
}
