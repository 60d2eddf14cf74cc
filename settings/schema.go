package settings

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Schema returns the JSON Schema (2020-12) of bpfls.toml, made from the layouts.
// docs/bpfls.schema.json is this text.
func Schema() []byte {
	root := objectSchema(reflect.TypeFor[fileLayout]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "bpfls.toml"
	root["description"] = "Settings of bpfls for the BPF sources in this folder and below. The closest file that sets a value wins; the editor's settings win over all files."
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("settings: the schema is not JSON: " + err.Error())
	}
	return append(text, '\n')
}

func objectSchema(t reflect.Type) map[string]any {
	properties := make(map[string]any)
	var required []string
	for i := range t.NumField() {
		field := t.Field(i)
		key := field.Tag.Get("key")
		if key == "" {
			continue
		}
		properties[key] = fieldSchema(field.Type, field.Tag)
		if field.Tag.Get("required") != "" {
			required = append(required, key)
		}
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		schema["required"] = required
	}
	return schema
}

func fieldSchema(t reflect.Type, tag reflect.StructTag) map[string]any {
	schema := typeSchema(t, tag)
	if doc := tag.Get("doc"); doc != "" {
		schema["description"] = doc
	}
	return schema
}

func typeSchema(t reflect.Type, tag reflect.StructTag) map[string]any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[hookList]() {
		return map[string]any{"oneOf": []any{
			map[string]any{"type": "string", "minLength": 1},
			map[string]any{"type": "array", "items": objectSchema(reflect.TypeFor[hookLayout]())},
		}}
	}
	if c, ok := reflect.New(t).Interface().(custom); ok {
		return c.schema()
	}
	switch t.Kind() {
	case reflect.Struct:
		return objectSchema(t)
	case reflect.Slice:
		schema := map[string]any{"type": "array", "items": typeSchema(t.Elem(), "")}
		if tag.Get("required") != "" {
			schema["minItems"] = 1
		}
		return schema
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		schema := map[string]any{"type": "integer"}
		for bound, name := range map[string]string{"min": "minimum", "max": "maximum"} {
			if n := tag.Get(bound); n != "" {
				schema[name] = json.Number(n)
			}
		}
		return schema
	case reflect.String:
		schema := map[string]any{"type": "string"}
		if values := tag.Get("enum"); values != "" {
			schema = map[string]any{"enum": strings.Split(values, ",")}
		} else if tag.Get("required") != "" {
			schema["minLength"] = 1
		}
		return schema
	}
	panic("settings: a layout has a field of kind " + t.Kind().String())
}
