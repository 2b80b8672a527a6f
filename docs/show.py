# SPDX-License-Identifier: GPL-2.0
"""Sphinx directives that show the module's real source, never a copy of it.

    .. show:: memslot.c gfn_to_hva          a whole function, or a named region
       :comment:                            with the comment above it

    .. head-comment:: memslot.h             what a file says about itself
    .. whole-file:: memslot.c               the file; listings link to its lines

What is not there, or is there twice, is an error with the page's file and line.
"""
import re

from docutils import nodes
from docutils.parsers.rst import Directive, directives

from sphinx import addnodes

import csource

STRUCTS = ("struct", "union", "enum")
LEXER = {".c": "c", ".h": "c", ".S": "gas", ".py": "python", ".sh": "bash", "": "bash"}


def listing(lines, first, path):
    """A literal block with the line numbers of the file."""
    shared = min((len(line) - len(line.lstrip("\t")) for line in lines if line.strip()), default=0)
    text = "\n".join(line[shared:] for line in lines).expandtabs(8)
    block = nodes.literal_block(text, text)
    block["language"] = LEXER.get(path.suffix, "none")
    block["linenos"] = True
    block["force"] = True       # assembly with cpp in it is neither the one nor the other
    block["highlight_args"] = {"linenostart": first}
    return block


class SourceDirective(Directive):
    """What the three have in common: they read one source file."""
    required_arguments = 1

    def open(self):
        env = self.state.document.settings.env
        path = csource.locate(self.arguments[0])
        env.note_dependency(str(path))
        return path

    def run(self):
        try:
            return self.content_of(self.open())
        except csource.SourceError as error:
            raise self.error(str(error))


class Show(SourceDirective):
    """One function or region."""
    required_arguments = 2
    final_argument_whitespace = True
    option_spec = {"comment": directives.flag}

    def content_of(self, path):
        source = csource.SourceFile(path)
        kind, first, last, comment = source.find(self.arguments[1])
        if "comment" in self.options:
            first = comment
        lines = [line for line in source.lines[first - 1:last] if not csource.MARKER.match(line)]
        block = listing(lines, first, path)
        name = self.arguments[1] + ("()" if kind == "function" else "")
        caption = nodes.caption("", "")
        text = nodes.Text(f"{self.arguments[0]}:{first}")
        if path.parent.name == csource.MODULE:
            env = self.state.document.settings.env
            uri = env.app.builder.get_relative_uri(env.docname, "source/" + path.name)
            caption += nodes.reference("", "", text, refuri=f"{uri}#line-{first}", internal=True)
        else:
            caption += text
        caption += nodes.Text(f"  {name}")
        box = nodes.container("", literal_block=True, classes=["literal-block-wrapper"])
        if kind in STRUCTS:
            box["ids"] = [nodes.make_id(f"{kind} {source_name(self.arguments[1])}")]
            self.state.document.note_explicit_target(box, box)
        box += [caption, block]
        return [box]


class HeadComment(SourceDirective):
    """The comment at the head of a file, as prose."""

    def content_of(self, path):
        env = self.state.document.settings.env
        text = csource.head_comment(csource.SourceFile(path))
        uri = env.app.builder.get_relative_uri(env.docname, "source/" + path.name)
        out = []
        for part in text:
            if part.startswith("\t") or part.startswith("  "):
                out.append(nodes.literal_block(part, part, language="none"))
            else:
                out.append(nodes.paragraph("", part))
        link = nodes.paragraph("", "")
        link += nodes.reference("", "", nodes.Text("The whole file"), refuri=uri, internal=True)
        return out + [link]


class WholeFile(SourceDirective):
    """A file, each line with an anchor."""

    def content_of(self, path):
        lines = csource.SourceFile(path).lines
        block = listing(lines, 1, path)
        block["highlight_args"].update(lineanchors="line", anchorlinenos=True)
        return [block]


def source_name(argument):
    """'struct vm' is named vm."""
    return argument.rpartition(" ")[2]


def struct_pages():
    """The header that has each of the module's structs, by name."""
    found = {}
    for header in sorted((csource.ROOT / csource.MODULE).glob("*.h")):
        for item in csource.SourceFile(header).items:
            if item.kind in STRUCTS and not item.stub:
                found[item.name] = (header.name, item.kind)
    return found


def link_types(app, doctree):
    """Types in a function's signature lead to our structs; the rest is the kernel's."""
    ours = None
    for signature in doctree.findall(addnodes.desc_signature):
        for ref in list(signature.findall(addnodes.pending_xref)):
            if ref.get("reftype") != "identifier":
                continue
            if ours is None:
                ours = struct_pages()
            name = re.sub("^union_", "", ref["reftarget"])      # see kerneldoc.py
            if name != ref["reftarget"]:
                ref.children = [nodes.Text(f"union {name}")]
            where = ours.get(name)
            if where:
                page = app.builder.get_relative_uri(app.env.docname, "api/" + where[0])
                anchor = nodes.make_id(f"{where[1]} {name}")
                ref.replace_self(nodes.reference("", "", *ref.children, internal=True,
                                                 refuri=f"{page}#{anchor}"))
            else:
                ref.replace_self(ref.children)


def setup(app):
    app.add_directive("show", Show)
    app.add_directive("head-comment", HeadComment)
    app.add_directive("whole-file", WholeFile)
    app.connect("doctree-read", link_types)
    return {"version": "1", "parallel_read_safe": True}
