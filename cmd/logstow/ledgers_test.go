package main

import "testing"

func TestStoreName(t *testing.T) {
	same := [][]string{
		{"file:///srv/logs", "file:///srv/logs/", "file:///srv//logs", "file:///srv/x/../logs"},
		{"s3://bucket/a", "s3://bucket/a/?region=eu-central-1", "s3://bucket/a?path_style=true"},
		{"s3://bucket", "s3://bucket/"},
		{"s3://bucket?endpoint=http://127.0.0.1:7070", "s3://bucket/?endpoint=http%3A%2F%2F127.0.0.1%3A7070/&region=x"},
	}
	seen := map[string]string{}
	for _, urls := range same {
		name := storeName(urls[0])
		if other, ok := seen[name]; ok {
			t.Errorf("storeName of %s and %s are both %s", urls[0], other, name)
		}
		seen[name] = urls[0]
		for _, u := range urls {
			if got := storeName(u); got != name {
				t.Errorf("storeName(%s) = %s, want that of %s: %s", u, got, urls[0], name)
			}
		}
	}
}
