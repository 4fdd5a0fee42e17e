# Tab completes commands and options of manage.py:  source deploy/completion.bash
# Django itself answers; it takes as long as one of its commands takes to start.
_tally_complete() {
	local first=1
	[[ ${COMP_WORDS[0]} == python* ]] && first=2
	COMPREPLY=($(COMP_WORDS="${COMP_WORDS[*]:first-1}" COMP_CWORD=$((COMP_CWORD - first + 1)) DJANGO_AUTO_COMPLETE=1 \
		"${COMP_WORDS[@]:0:first}" 2>/dev/null))
}
_tally_after_python() {
	if [[ ${COMP_WORDS[1]##*/} == manage.py && $COMP_CWORD -gt 1 ]]; then _tally_complete; fi
}
complete -o default -F _tally_complete manage.py ./manage.py
complete -o default -o bashdefault -F _tally_after_python python python3
