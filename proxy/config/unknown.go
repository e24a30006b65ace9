package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// unknownFields are the fields of a decoded document that a struct of type t does not
// have, as paths such as registrar.maxAge, sorted. Names match as encoding/json takes
// them, without case; two that mean one field are an error, as nobody could say which
// of them counts.
func unknownFields(document map[string]any, t reflect.Type, prefix string) (unknown []string, err error) {
	given := map[string]string{}
	for name, value := range document {
		field, known := fieldOf(t, name)
		if !known {
			unknown = append(unknown, prefix+name)
			continue
		}
		if first, twice := given[field.Name]; twice {
			return nil, fmt.Errorf("%s%s and %s are one field", prefix, min(first, name), max(first, name))
		}
		given[field.Name] = name
		more, err := unknownWithin(value, field.Type, prefix+name)
		if err != nil {
			return nil, err
		}
		unknown = append(unknown, more...)
	}
	slices.Sort(unknown)
	return unknown, nil
}

// unknownWithin are those of a value of a field: of a struct, of a pointer to one, or of
// a list of them.
func unknownWithin(value any, t reflect.Type, path string) (unknown []string, err error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case map[string]any:
		if t.Kind() == reflect.Struct {
			return unknownFields(v, t, path+".")
		}
	case []any:
		for i := range v {
			if t.Kind() != reflect.Slice {
				break
			}
			more, err := unknownWithin(v[i], t.Elem(), fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			unknown = append(unknown, more...)
		}
	}
	return unknown, nil
}

// fieldOf is the struct's field that a name in the file means.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag != "-" && strings.EqualFold(tag, name) {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}
