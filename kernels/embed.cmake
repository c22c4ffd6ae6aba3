# duramap_embed(DIR OUT SYMBOL PATTERN...): every file of DIR that fits a pattern as text in one generated C file:
# SYMBOL_files[], a table {name, text, length}, and SYMBOL_count.
# The program holds its kernels and protocols: nothing is looked up on disk when it runs.
function(duramap_embed dir out symbol)
    list(TRANSFORM ARGN PREPEND ${dir}/ OUTPUT_VARIABLE patterns)
    file(GLOB sources CONFIGURE_DEPENDS ${patterns})
    list(SORT sources)
    add_custom_command(OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} "-DSOURCES=${sources}" -DOUT=${out} -DSYMBOL=${symbol}
            -P ${CMAKE_SOURCE_DIR}/kernels/embed_run.cmake
        DEPENDS ${sources} ${CMAKE_SOURCE_DIR}/kernels/embed_run.cmake VERBATIM)
endfunction()
