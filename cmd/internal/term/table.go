package term

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Column is a column of a table.
type Column struct {
	Name  string
	Right bool // numbers stand better to the right
}

// Table collects rows and writes them as columns.
type Table struct {
	w table.Writer
}

// NewTable returns a table with a heading, which is bold where colours are
// wanted. Without them it is plain text.
func NewTable(colours bool, columns ...Column) *Table {
	w := table.NewWriter()
	w.SetStyle(plain(colours))
	w.SuppressTrailingSpaces()
	header := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i, c := range columns {
		header[i] = c.Name
		configs[i] = table.ColumnConfig{Number: i + 1}
		if c.Right {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	w.AppendHeader(header)
	w.SetColumnConfigs(configs)
	return &Table{w: w}
}

// plain is columns with two spaces between them and nothing around them.
func plain(colours bool) table.Style {
	style := table.StyleDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatUpper
	style.Color = table.ColorOptions{}
	if colours {
		style.Color.Header = text.Colors{text.Bold}
	}
	return style
}

// Row adds a row. What is in a cell can do nothing to a terminal.
func (t *Table) Row(cells ...string) {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = Printable(c)
	}
	t.w.AppendRow(row)
}

// Len is the number of rows so far.
func (t *Table) Len() int { return t.w.Length() }

// Write writes the table. Without a row it writes nothing.
func (t *Table) Write(w io.Writer) error {
	if t.Len() == 0 {
		return nil
	}
	var b strings.Builder
	for line := range strings.SplitSeq(t.w.Render(), "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
